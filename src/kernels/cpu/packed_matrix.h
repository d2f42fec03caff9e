// Weights in the panel layout that the CPU kernels read.
//
// A matrix [N, K] becomes panels of 16 outputs (the last padded with zeros). Inside a panel the
// lanes of a 64-byte vector are the 16 outputs, and each 32-bit lane holds codes of consecutive k:
//   one f32 | two 16-bit floats | eight 4-bit codes | four 8-bit codes,
// lowest bits first. 5- and 6-bit codes are a 4-bit plane followed by a plane of the upper bits
// (32 or 16 codes per lane word). A panel is all code words, k ascending, and after them the
// scales of its blocks:
//   Q4_0 Q5_0 Q8_0   d[16] f16
//   Q4_1 Q5_1        d[16], m[16] f16
//   Q4_K Q5_K        d[16], dmin[16] f16, scale[8][16] u8, min[8][16] u8
//   Q6_K             d[16] f16, scale[16][16] i8
// Nothing is rounded or re-quantized; the size is that of the file within 3 %.
// K of a plain type is padded to even with zeros. Threading: pack_panel() calls may run in
// parallel on different panels; a view is read-only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/weight_type.h"

namespace penstock::kernels {

inline constexpr std::uint32_t kPanelOutputs = 16;

// Bytes of one panel's codes and scales for each block of `values` along k.
struct PanelBlock {
  std::uint32_t values;
  std::uint32_t code_bytes;
  std::uint32_t scale_bytes;
};
[[nodiscard, gnu::always_inline]] constexpr PanelBlock panel_block(WeightType type) noexcept {
  switch (type) {
    case WeightType::kF32:
      return {2, 128, 0};
    case WeightType::kF16:
    case WeightType::kBF16:
      return {2, 64, 0};
    case WeightType::kQ4_0:
      return {32, 256, 32};
    case WeightType::kQ4_1:
      return {32, 256, 64};
    case WeightType::kQ5_0:
      return {32, 320, 32};
    case WeightType::kQ5_1:
      return {32, 320, 64};
    case WeightType::kQ8_0:
      return {32, 512, 32};
    case WeightType::kQ4_K:
      return {256, 2048, 320};
    case WeightType::kQ5_K:
      return {256, 2560, 320};
    case WeightType::kQ6_K:
      return {256, 3072, 288};
  }
  return {};
}

struct PackedMatrix {
  WeightType type = WeightType::kF32;
  std::uint32_t num_outputs = 0;      // N
  std::uint32_t num_inputs = 0;       // K, a multiple of the type's block
  const std::byte* panels = nullptr;  // 64-byte aligned; [num_panels()][panel_bytes()]

  [[nodiscard, gnu::always_inline]] constexpr std::uint32_t num_panels() const noexcept {
    return (num_outputs + kPanelOutputs - 1) / kPanelOutputs;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t num_blocks() const noexcept {
    const std::uint32_t values = panel_block(type).values;
    return (num_inputs + values - 1) / values;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t code_bytes() const noexcept {
    return num_blocks() * panel_block(type).code_bytes;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t panel_bytes() const noexcept {
    return code_bytes() + (num_blocks() * panel_block(type).scale_bytes + 63) / 64 * 64;
  }
  [[nodiscard, gnu::always_inline]] constexpr std::size_t total_bytes() const noexcept {
    return num_panels() * panel_bytes();
  }
};

// Fills panel number `panel` at `out` (panel_bytes(), zeroed) from `rows`, the matrix in the file's
// layout: row-major, num_outputs rows of row_bytes(type, num_inputs).
void pack_panel(const PackedMatrix& shape, std::span<const std::byte> rows, std::uint32_t panel,
                std::byte* out) noexcept;

}  // namespace penstock::kernels
