// Philox4x32-10, a counter-based random generator: the same (key, counter) gives the same numbers
// on every device, in any order. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011, section 4.
#pragma once

#include <array>
#include <cstdint>

namespace penstock {

[[nodiscard]] std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                      std::array<std::uint32_t, 2> key) noexcept;

// The one draw a sampled token gets: uniform over 2^23 values in (0, 1), never 0 and never 1, from
// key = seed and counter = (output index, choice number).
[[nodiscard]] float sampling_draw(std::uint64_t seed, std::uint32_t output_index,
                                  std::uint32_t choice_number) noexcept;

}  // namespace penstock
