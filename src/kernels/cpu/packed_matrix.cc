#include "kernels/cpu/packed_matrix.h"

#include <cstring>

#include "base/check.h"
#include "kernels/quant_block.h"

namespace penstock::kernels {
namespace {

void put_u32(std::byte* out, std::uint32_t value) noexcept {
  std::memcpy(out, &value, sizeof value);
}

// A plain row of 4-byte or 2-byte values into lane `lane`.
void pack_plain_row(std::size_t value_bytes, const std::byte* row, std::size_t num_values,
                    std::size_t lane, std::byte* codes) noexcept {
  const std::size_t per_word = 4 / value_bytes;
  const std::size_t num_words = num_values / per_word;
  for (std::size_t word = 0; word < num_words; ++word) {
    std::memcpy(codes + 64 * word + 4 * lane, row + 4 * word, 4);
  }
  if (num_values % per_word != 0) {
    std::memcpy(codes + 64 * num_words + 4 * lane, row + 4 * num_words, value_bytes);
  }
}

// `count` codes of `bits` each, `32 / bits` to a lane word, taken from bit `shift` of each code.
void pack_plane(const std::uint8_t* source, std::size_t count, unsigned bits, unsigned shift,
                std::byte* lane_words) noexcept {
  const std::size_t per_word = 32 / bits;
  const std::uint32_t mask = (1U << bits) - 1U;
  for (std::size_t word = 0; word < count / per_word; ++word) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < per_word; ++i) {
      const std::uint32_t code = (source[word * per_word + i] >> shift) & mask;
      value |= code << (bits * static_cast<unsigned>(i));
    }
    put_u32(lane_words + 64 * word, value);
  }
}

void pack_codes(WeightType type, const QuantBlock& block, std::byte* lane_words) noexcept {
  const std::size_t count = panel_block(type).values;
  const std::uint8_t* codes = block.codes.data();
  switch (type) {
    case WeightType::kQ8_0:
      pack_plane(codes, count, 8, 0, lane_words);
      return;
    case WeightType::kQ5_0:
    case WeightType::kQ5_1:
    case WeightType::kQ5_K:
      pack_plane(codes, count, 4, 0, lane_words);
      pack_plane(codes, count, 1, 4, lane_words + count / 8 * 64);
      return;
    case WeightType::kQ6_K:
      pack_plane(codes, count, 4, 0, lane_words);
      pack_plane(codes, count, 2, 4, lane_words + count / 8 * 64);
      return;
    default:
      pack_plane(codes, count, 4, 0, lane_words);
      return;
  }
}

void pack_scales(WeightType type, const QuantBlock& block, std::size_t lane,
                 std::byte* scales) noexcept {
  std::memcpy(scales + 2 * lane, &block.d, 2);
  switch (type) {
    case WeightType::kQ4_1:
    case WeightType::kQ5_1:
      std::memcpy(scales + 32 + 2 * lane, &block.m, 2);
      return;
    case WeightType::kQ4_K:
    case WeightType::kQ5_K:
      std::memcpy(scales + 32 + 2 * lane, &block.m, 2);
      for (std::size_t sub = 0; sub < 8; ++sub) {
        scales[64 + 16 * sub + lane] = std::byte{block.scales[sub]};
        scales[192 + 16 * sub + lane] = std::byte{block.minimums[sub]};
      }
      return;
    case WeightType::kQ6_K:
      for (std::size_t sub = 0; sub < 16; ++sub) {
        scales[32 + 16 * sub + lane] = std::byte{block.scales[sub]};
      }
      return;
    default:
      return;
  }
}

}  // namespace

void pack_panel(const PackedMatrix& shape, std::span<const std::byte> rows, std::uint32_t panel,
                std::byte* out) noexcept {
  const WeightTypeInfo source = info(shape.type);
  const PanelBlock target = panel_block(shape.type);
  const std::size_t bytes_per_row = row_bytes(shape.type, shape.num_inputs);
  CHECK(rows.size() == bytes_per_row * shape.num_outputs && panel < shape.num_panels(),
        "panel {} of {} x {} from {} bytes", panel, shape.num_outputs, shape.num_inputs,
        rows.size());
  std::byte* scales = out + shape.code_bytes();
  QuantBlock block{};
  for (std::size_t lane = 0; lane < kPanelOutputs; ++lane) {
    const std::size_t output = std::size_t{panel} * kPanelOutputs + lane;
    if (output >= shape.num_outputs) break;
    const std::byte* row = rows.data() + output * bytes_per_row;
    if (source.block_values == 1) {
      pack_plain_row(source.block_bytes, row, shape.num_inputs, lane, out);
      continue;
    }
    for (std::size_t i = 0; i < shape.num_blocks(); ++i) {
      read_block(shape.type, row + i * source.block_bytes, block);
      pack_codes(shape.type, block, out + i * target.code_bytes + 4 * lane);
      pack_scales(shape.type, block, lane, scales + i * target.scale_bytes);
    }
  }
}

}  // namespace penstock::kernels
