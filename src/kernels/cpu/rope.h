// Rotary position embedding (Su et al., "RoFormer", 2021), compiled once: plain multiplications and
// additions that no compiler may fuse, and own sine and cosine, so every machine has equal bits.
#pragma once

#include <cstdint>
#include <span>

namespace penstock::kernels {

// Elements that turn together: (i, i + dims/2) or (2i, 2i + 1).
enum class RopePairs : std::uint8_t { kHalves, kInterleaved };

// cos and sin of position * inverse_frequencies[i], the product rounded to float, times magnitude.
// Range: positions up to 2^24.
void rope_angles(std::uint32_t position, std::span<const float> inverse_frequencies,
                 float magnitude, float* cosines, float* sines) noexcept;

// Turns the first 2 * num_pairs elements of `head` in place.
void rotate_head(RopePairs pairs, std::uint32_t num_pairs, const float* cosines, const float* sines,
                 float* head) noexcept;

}  // namespace penstock::kernels
