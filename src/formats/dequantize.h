// The meaning of every element encoding, as plain scalar code: what faster readers are tested
// against. Block layouts byte by byte: docs/formats.md.
//
// Each value is computed in binary32, in the order written in docs/formats.md, so equal code gives
// equal bits. Threading: pure functions. O(values).
#pragma once

#include <cstddef>
#include <span>

#include "formats/tensor.h"

namespace penstock::formats {

// Fills `values` from `row`, which holds exactly that many values (CHECKed); any alignment.
void dequantize_row(DType dtype, std::span<const std::byte> row, std::span<float> values);

// Bytes of a row of `num_values`, which is a multiple of the type's block (CHECKed).
[[nodiscard]] std::size_t row_bytes(DType dtype, std::size_t num_values);

}  // namespace penstock::formats
