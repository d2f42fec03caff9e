#include "formats/dequantize.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "formats/float16.h"

namespace penstock::formats {
namespace {

using Block = const std::uint8_t*;

std::uint16_t word_at(Block p) noexcept {
  std::uint16_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

float half_at(Block p) noexcept {
  return f16_to_f32(word_at(p));
}

int low(std::uint8_t byte) noexcept {
  return byte & 15;
}
int high(std::uint8_t byte) noexcept {
  return byte >> 4;
}

void f32(Block block, float* out) {
  std::memcpy(out, block, sizeof(float));
}
void f16(Block block, float* out) {
  *out = half_at(block);
}
void bf16(Block block, float* out) {
  *out = bf16_to_f32(word_at(block));
}

void q4_0(Block block, float* out) {
  const float d = half_at(block);
  const Block quants = block + 2;
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(low(quants[i]) - 8) * d;
    out[i + 16] = static_cast<float>(high(quants[i]) - 8) * d;
  }
}

void q4_1(Block block, float* out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  const Block quants = block + 4;
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(low(quants[i])) * d + m;
    out[i + 16] = static_cast<float>(high(quants[i])) * d + m;
  }
}

// The fifth bits of 32 values: bit i belongs to value i.
int fifth_bit(Block bits, int i) noexcept {
  return ((bits[i / 8] >> (i % 8)) & 1) << 4;
}

void q5_0(Block block, float* out) {
  const float d = half_at(block);
  const Block fifths = block + 2;
  const Block quants = block + 6;
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>((low(quants[i]) | fifth_bit(fifths, i)) - 16) * d;
    out[i + 16] = static_cast<float>((high(quants[i]) | fifth_bit(fifths, i + 16)) - 16) * d;
  }
}

void q5_1(Block block, float* out) {
  const float d = half_at(block);
  const float m = half_at(block + 2);
  const Block fifths = block + 4;
  const Block quants = block + 8;
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(low(quants[i]) | fifth_bit(fifths, i)) * d + m;
    out[i + 16] = static_cast<float>(high(quants[i]) | fifth_bit(fifths, i + 16)) * d + m;
  }
}

void q8_0(Block block, float* out) {
  const float d = half_at(block);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>(static_cast<std::int8_t>(block[2 + i])) * d;
  }
}

// Scale and minimum, 6 bits each, of group g (of 8) of a Q4_K or Q5_K block.
struct GroupScale {
  int scale;
  int minimum;
};

GroupScale group_scale(Block packed, int g) noexcept {
  if (g < 4) return {packed[g] & 63, packed[g + 4] & 63};
  return {low(packed[g + 4]) | (packed[g - 4] >> 6 << 4),
          high(packed[g + 4]) | (packed[g] >> 6 << 4)};
}

// Q4_K and Q5_K: 8 groups of 32. Groups 2j and 2j + 1 share 32 bytes: low nibbles, high nibbles.
void q45_k(Block block, Block fifths, Block quants, float* out) {
  const float d = half_at(block);
  const float d_min = half_at(block + 2);
  for (int g = 0; g < 8; ++g) {
    const GroupScale packed = group_scale(block + 4, g);
    const float scale = d * static_cast<float>(packed.scale);
    const float minimum = d_min * static_cast<float>(packed.minimum);
    const Block pair = quants + 32 * (g / 2);
    for (int i = 0; i < 32; ++i) {
      int q = g % 2 == 0 ? low(pair[i]) : high(pair[i]);
      if (fifths != nullptr) q |= ((fifths[i] >> g) & 1) << 4;
      out[32 * g + i] = scale * static_cast<float>(q) - minimum;
    }
  }
}

void q4_k(Block block, float* out) {
  q45_k(block, nullptr, block + 16, out);
}
void q5_k(Block block, float* out) {
  q45_k(block, block + 16, block + 48, out);
}

void q6_k(Block block, float* out) {
  const float d = half_at(block + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128;          // 64 low-bit bytes and 32 high-bit bytes each
    const int quarter = i % 128 / 32;  // of the half
    const int lane = i % 32;
    const std::uint8_t nibbles = block[64 * half + 32 * (quarter % 2) + lane];
    const int low_bits = quarter < 2 ? low(nibbles) : high(nibbles);
    const int high_bits = (block[128 + 32 * half + lane] >> (2 * quarter)) & 3;
    const auto group = static_cast<std::int8_t>(block[192 + i / 16]);
    out[i] = d * static_cast<float>(group) * static_cast<float>((low_bits | high_bits << 4) - 32);
  }
}

using BlockReader = void (*)(Block, float*);

BlockReader reader_of(DType dtype) noexcept {
  static constexpr std::array<BlockReader, 11> kReaders = {f32,  f16,  bf16, q4_0, q4_1, q5_0,
                                                           q5_1, q8_0, q4_k, q5_k, q6_k};
  return kReaders[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::size_t row_bytes(DType dtype, std::size_t num_values) {
  const DTypeInfo& layout = info(dtype);
  CHECK(num_values % layout.block_values == 0, "{} values in blocks of {}", num_values,
        layout.block_values);
  return num_values / layout.block_values * layout.block_bytes;
}

void dequantize_row(DType dtype, std::span<const std::byte> row, std::span<float> values) {
  CHECK(row.size() == row_bytes(dtype, values.size()), "{} bytes for {} values of {}", row.size(),
        values.size(), info(dtype).name);
  const DTypeInfo& layout = info(dtype);
  const BlockReader read = reader_of(dtype);
  const auto* block = reinterpret_cast<Block>(row.data());
  for (std::size_t i = 0; i < values.size(); i += layout.block_values) {
    read(block, values.data() + i);
    block += layout.block_bytes;
  }
}

}  // namespace penstock::formats
