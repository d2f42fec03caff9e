// Every kernel once more, in double and in the order of the textbook: what the fast ones are
// tested against. Arrays are dense and row-major.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace penstock::kernels::ref {

// y[rows][n] from w[n][k] and x[rows][k].
[[nodiscard]] std::vector<double> matmul(std::span<const float> w, std::span<const float> x,
                                         std::size_t num_inputs);

[[nodiscard]] std::vector<double> rms_norm(std::span<const float> x, std::span<const float> weight,
                                           double epsilon);

[[nodiscard]] std::vector<double> swiglu(std::span<const float> gate, std::span<const float> up);

// One query over keys and values [positions][head_dim].
[[nodiscard]] std::vector<double> attention(std::span<const float> query,
                                            std::span<const float> keys,
                                            std::span<const float> values, double scale);

// `head` turned by the position; pair i is (i, i + dims/2), or (2i, 2i + 1) when interleaved.
[[nodiscard]] std::vector<double> rope(std::span<const float> head, std::uint32_t position,
                                       std::span<const float> inverse_frequencies,
                                       bool interleaved);

}  // namespace penstock::kernels::ref
