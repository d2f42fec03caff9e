#include "formats/tensor.h"

#include <array>

namespace penstock::formats {

const DTypeInfo& info(DType dtype) noexcept {
  static constexpr std::array<DTypeInfo, 11> kInfo = {{
      {"F32", 1, 4},
      {"F16", 1, 2},
      {"BF16", 1, 2},
      {"Q4_0", 32, 18},
      {"Q4_1", 32, 20},
      {"Q5_0", 32, 22},
      {"Q5_1", 32, 24},
      {"Q8_0", 32, 34},
      {"Q4_K", 256, 144},
      {"Q5_K", 256, 176},
      {"Q6_K", 256, 210},
  }};
  return kInfo[static_cast<std::size_t>(dtype)];
}

std::uint64_t TensorView::num_values() const noexcept {
  std::uint64_t product = 1;
  for (const std::uint64_t dim : shape) product *= dim;
  return product;
}

}  // namespace penstock::formats
