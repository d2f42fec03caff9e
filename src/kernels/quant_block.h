// One quantized block taken apart: the only place that knows the bit layouts of the GGUF format.
//
// value[i] = a * code[i] + b, where a and b are those of the sub-block that i is in:
//   Q4_0 Q5_0 Q8_0   a = d,             b = 0,         sub-block 32
//   Q4_1 Q5_1        a = d,             b = m,         sub-block 32
//   Q4_K Q5_K        a = d * scale,     b = -m * min,  sub-block 32
//   Q6_K             a = d * scale,     b = 0,         sub-block 16
// with code read as signed where there is no b. Every product fits a float's 24 bits (f16 has 11,
// a scale at most 7, a code at most 6), so only the sum rounds and the order cannot matter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/weight_type.h"

namespace penstock::kernels {

struct QuantBlock {
  std::array<std::uint8_t, 256> codes;   // as stored; signed types: see code_offset
  std::uint16_t d;                       // f16
  std::uint16_t m;                       // f16: m, or the K types' dmin
  std::array<std::uint8_t, 16> scales;   // K types; Q6_K: signed bytes
  std::array<std::uint8_t, 8> minimums;  // Q4_K, Q5_K
};

// Subtracted from a stored code. Q8_0 codes are two's complement and have none.
[[nodiscard]] constexpr int code_offset(WeightType type) noexcept {
  switch (type) {
    case WeightType::kQ4_0:
      return 8;
    case WeightType::kQ5_0:
      return 16;
    case WeightType::kQ6_K:
      return 32;
    default:
      return 0;
  }
}

// `bytes` has info(type).block_bytes; only the first info(type).block_values codes are set.
void read_block(WeightType type, const std::byte* bytes, QuantBlock& block) noexcept;

}  // namespace penstock::kernels
