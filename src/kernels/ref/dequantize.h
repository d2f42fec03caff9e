// Weights to float, one value at a time: the meaning of every encoding, and the embedding gather.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/weight_type.h"

namespace penstock::kernels::ref {

// `row` holds row_bytes(type, out.size()); out.size() is a multiple of the type's block.
void dequantize(WeightType type, std::span<const std::byte> row, std::span<float> out) noexcept;

}  // namespace penstock::kernels::ref
