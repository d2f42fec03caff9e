// Encodings of weights: plain types and blocks of quantized values along the contracted dimension.
// Block layouts are those of the GGUF format. Threading: values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::kernels {

enum class WeightType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
};

inline constexpr std::array kAllWeightTypes = {
    WeightType::kF32,  WeightType::kF16,  WeightType::kBF16, WeightType::kQ4_0,
    WeightType::kQ4_1, WeightType::kQ5_0, WeightType::kQ5_1, WeightType::kQ8_0,
    WeightType::kQ4_K, WeightType::kQ5_K, WeightType::kQ6_K,
};

struct WeightTypeInfo {
  std::string_view name;
  std::size_t block_values;  // 1 for plain types
  std::size_t block_bytes;
};

[[nodiscard]] constexpr WeightTypeInfo info(WeightType type) noexcept {
  switch (type) {
    case WeightType::kF32:
      return {"F32", 1, 4};
    case WeightType::kF16:
      return {"F16", 1, 2};
    case WeightType::kBF16:
      return {"BF16", 1, 2};
    case WeightType::kQ4_0:
      return {"Q4_0", 32, 18};
    case WeightType::kQ4_1:
      return {"Q4_1", 32, 20};
    case WeightType::kQ5_0:
      return {"Q5_0", 32, 22};
    case WeightType::kQ5_1:
      return {"Q5_1", 32, 24};
    case WeightType::kQ8_0:
      return {"Q8_0", 32, 34};
    case WeightType::kQ4_K:
      return {"Q4_K", 256, 144};
    case WeightType::kQ5_K:
      return {"Q5_K", 256, 176};
    case WeightType::kQ6_K:
      return {"Q6_K", 256, 210};
  }
  return {};
}

// Bytes of a row of `num_values`, a multiple of the block.
[[nodiscard]] constexpr std::size_t row_bytes(WeightType type, std::size_t num_values) noexcept {
  return num_values / info(type).block_values * info(type).block_bytes;
}

}  // namespace penstock::kernels
