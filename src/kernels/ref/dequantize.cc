#include "kernels/ref/dequantize.h"

#include <cstring>

#include "base/check.h"
#include "kernels/half.h"
#include "kernels/quant_block.h"

namespace penstock::kernels::ref {
namespace {

void dequantize_16_bit(const std::byte* bytes, std::span<float> out,
                       float (*widen)(std::uint16_t)) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t value = 0;
    std::memcpy(&value, bytes + 2 * i, sizeof value);
    out[i] = widen(value);
  }
}

struct Affine {
  float a;
  float b;
  bool has_b;
};

Affine affine_of(WeightType type, const QuantBlock& block, std::size_t i) noexcept {
  const float d = f16_to_f32(block.d);
  switch (type) {
    case WeightType::kQ4_1:
    case WeightType::kQ5_1:
      return {d, f16_to_f32(block.m), true};
    case WeightType::kQ4_K:
    case WeightType::kQ5_K:
      return {d * block.scales[i / 32], -(f16_to_f32(block.m) * block.minimums[i / 32]), true};
    case WeightType::kQ6_K:
      return {d * static_cast<std::int8_t>(block.scales[i / 16]), 0.0F, false};
    default:
      return {d, 0.0F, false};
  }
}

void dequantize_block(WeightType type, const QuantBlock& block, std::span<float> out) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int code = type == WeightType::kQ8_0 ? static_cast<std::int8_t>(block.codes[i])
                                               : block.codes[i] - code_offset(type);
    const Affine affine = affine_of(type, block, i);
    const float product = affine.a * static_cast<float>(code);
    out[i] = affine.has_b ? product + affine.b : product;
  }
}

}  // namespace

void dequantize(WeightType type, std::span<const std::byte> row, std::span<float> out) noexcept {
  const WeightTypeInfo layout = info(type);
  CHECK(out.size() % layout.block_values == 0 && row.size() == row_bytes(type, out.size()),
        "{} values of {} from {} bytes", out.size(), layout.name, row.size());
  switch (type) {
    case WeightType::kF32:
      std::memcpy(out.data(), row.data(), row.size());
      return;
    case WeightType::kF16:
      dequantize_16_bit(row.data(), out, [](std::uint16_t v) { return f16_to_f32(v); });
      return;
    case WeightType::kBF16:
      dequantize_16_bit(row.data(), out, [](std::uint16_t v) { return bf16_to_f32(v); });
      return;
    default:
      break;
  }
  QuantBlock block{};
  for (std::size_t i = 0; i < out.size() / layout.block_values; ++i) {
    read_block(type, row.data() + i * layout.block_bytes, block);
    dequantize_block(type, block, out.subspan(i * layout.block_values, layout.block_values));
  }
}

}  // namespace penstock::kernels::ref
