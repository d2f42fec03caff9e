#include "kernels/quant_block.h"

#include <cstring>

namespace penstock::kernels {
namespace {

std::uint16_t read_u16(const std::uint8_t* p) noexcept {
  return static_cast<std::uint16_t>(p[0] | (p[1] << 8));
}

std::uint32_t read_u32(const std::uint8_t* p) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// 32 values: byte j holds value j in its low nibble and value j + 16 in its high one.
void read_nibbles_32(const std::uint8_t* packed, QuantBlock& block) noexcept {
  for (std::size_t j = 0; j < 16; ++j) {
    block.codes[j] = packed[j] & 15U;
    block.codes[j + 16] = packed[j] >> 4;
  }
}

void add_fifth_bits_32(std::uint32_t high, QuantBlock& block) noexcept {
  for (std::size_t j = 0; j < 32; ++j) {
    block.codes[j] |= static_cast<std::uint8_t>(((high >> j) & 1U) << 4);
  }
}

// 256 values in runs of 64: 32 bytes hold a run's first 32 in low nibbles, the rest in high ones.
void read_nibbles_256(const std::uint8_t* packed, QuantBlock& block) noexcept {
  for (std::size_t run = 0; run < 4; ++run) {
    for (std::size_t j = 0; j < 32; ++j) {
      const std::uint8_t byte = packed[32 * run + j];
      block.codes[64 * run + j] = byte & 15U;
      block.codes[64 * run + 32 + j] = byte >> 4;
    }
  }
}

// Eight pairs of 6-bit scale and minimum in 12 bytes; the last four pairs have their upper two
// bits in the upper bits of the first eight bytes.
void read_k_scales(const std::uint8_t* packed, QuantBlock& block) noexcept {
  for (std::size_t j = 0; j < 4; ++j) {
    block.scales[j] = packed[j] & 63U;
    block.minimums[j] = packed[j + 4] & 63U;
    block.scales[j + 4] =
        static_cast<std::uint8_t>((packed[j + 8] & 15U) | ((packed[j] >> 6) << 4));
    block.minimums[j + 4] =
        static_cast<std::uint8_t>((packed[j + 8] >> 4) | ((packed[j + 4] >> 6) << 4));
  }
}

void read_q5_k(const std::uint8_t* p, QuantBlock& block) noexcept {
  const std::uint8_t* high = p + 16;
  read_nibbles_256(p + 48, block);
  for (std::size_t sub = 0; sub < 8; ++sub) {
    for (std::size_t j = 0; j < 32; ++j) {
      block.codes[32 * sub + j] |= static_cast<std::uint8_t>(((high[j] >> sub) & 1U) << 4);
    }
  }
}

// Two halves of 128 values: 64 bytes of low nibbles, 32 bytes of upper bit pairs, 8 scales each.
void read_q6_k(const std::uint8_t* p, QuantBlock& block) noexcept {
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint8_t* low = p + 64 * half;
    const std::uint8_t* high = p + 128 + 32 * half;
    std::uint8_t* codes = block.codes.data() + 128 * half;
    for (std::size_t j = 0; j < 32; ++j) {
      const unsigned pairs = high[j];
      codes[j] = static_cast<std::uint8_t>((low[j] & 15U) | ((pairs & 3U) << 4));
      codes[j + 32] = static_cast<std::uint8_t>((low[j + 32] & 15U) | ((pairs >> 2 & 3U) << 4));
      codes[j + 64] = static_cast<std::uint8_t>((low[j] >> 4) | ((pairs >> 4 & 3U) << 4));
      codes[j + 96] = static_cast<std::uint8_t>((low[j + 32] >> 4) | ((pairs >> 6) << 4));
    }
  }
  std::memcpy(block.scales.data(), p + 192, 16);
  block.d = read_u16(p + 208);
}

}  // namespace

void read_block(WeightType type, const std::byte* bytes, QuantBlock& block) noexcept {
  const auto* p = reinterpret_cast<const std::uint8_t*>(bytes);
  block.d = read_u16(p);
  switch (type) {
    case WeightType::kQ4_0:
      read_nibbles_32(p + 2, block);
      break;
    case WeightType::kQ4_1:
      block.m = read_u16(p + 2);
      read_nibbles_32(p + 4, block);
      break;
    case WeightType::kQ5_0:
      read_nibbles_32(p + 6, block);
      add_fifth_bits_32(read_u32(p + 2), block);
      break;
    case WeightType::kQ5_1:
      block.m = read_u16(p + 2);
      read_nibbles_32(p + 8, block);
      add_fifth_bits_32(read_u32(p + 4), block);
      break;
    case WeightType::kQ8_0:
      std::memcpy(block.codes.data(), p + 2, 32);
      break;
    case WeightType::kQ4_K:
      block.m = read_u16(p + 2);
      read_k_scales(p + 4, block);
      read_nibbles_256(p + 16, block);
      break;
    case WeightType::kQ5_K:
      block.m = read_u16(p + 2);
      read_k_scales(p + 4, block);
      read_q5_k(p, block);
      break;
    case WeightType::kQ6_K:
      read_q6_k(p, block);
      break;
    case WeightType::kF32:
    case WeightType::kF16:
    case WeightType::kBF16:
      break;
  }
}

}  // namespace penstock::kernels
