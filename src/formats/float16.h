// The two 16-bit float formats: IEEE binary16 (F16) and bfloat16 (BF16), to and from binary32.
//
// Widening is exact, subnormals included. Narrowing rounds to nearest, ties to even; what is too
// large becomes infinity. A NaN stays a NaN with its sign and leading payload bits, made quiet.
// Threading: pure functions.
#pragma once

#include <bit>
#include <cstdint>

namespace penstock::formats {

[[nodiscard]] inline float f16_to_f32(std::uint16_t half) noexcept {
  const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  if (exponent == 0x1F) {
    const std::uint32_t quiet = fraction == 0 ? 0 : 0x0040'0000U;
    return std::bit_cast<float>(sign | 0x7F80'0000U | quiet | (fraction << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

[[nodiscard]] inline std::uint16_t f32_to_f16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFF'FFFFU;
  std::uint32_t out = 0;
  if (magnitude > 0x7F80'0000U) {
    out = 0x7E00U | ((magnitude >> 13) & 0x3FFU);
  } else if (magnitude >= 0x477F'F000U) {  // 65520, halfway from the largest half upwards
    out = 0x7C00U;
  } else if (magnitude < 0x3880'0000U) {  // below 2^-14: a multiple of 2^-24
    // Adding 2^23 leaves the rounded multiple in the low bits of the sum.
    const float sum = std::bit_cast<float>(magnitude) * 0x1p24F + 0x1p23F;
    out = std::bit_cast<std::uint32_t>(sum) & 0x7FFU;
  } else {
    out = (magnitude - (112U << 23) + 0xFFFU + ((magnitude >> 13) & 1U)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | out);
}

[[nodiscard]] inline float bf16_to_f32(std::uint16_t bits) noexcept {
  const std::uint32_t wide = std::uint32_t{bits} << 16;
  const bool nan = (wide & 0x7FFF'FFFFU) > 0x7F80'0000U;
  return std::bit_cast<float>(wide | (nan ? 0x0040'0000U : 0U));
}

[[nodiscard]] inline std::uint16_t f32_to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFF'FFFFU) > 0x7F80'0000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace penstock::formats
