// The one way to write a residual stream with what its next norm needs (product.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/product.h"

namespace penstock::kernels::cuda {

// All lanes of a warp: each half of it has 16 neighbouring values of one row, from a multiple of 16
// on. Lanes without `is_stored` only take part.
__device__ __forceinline__ void store_residual(const ResidualRows& rows, int dim, int row, int n,
                                               float value, bool is_stored) {
  const std::uint16_t bits = float_to_bf16(value);
  const float rounded = bf16_to_float(bits);
  float squares = rounded * rounded;
#pragma unroll
  for (int distance = kSquaresWidth / 2; distance > 0; distance /= 2) {
    squares += __shfl_xor_sync(0xFFFFFFFFU, squares, distance);
  }
  if (!is_stored) return;
  const std::size_t index = (static_cast<std::size_t>(row) * dim) + n;
  rows.residual[index] = bits;
  rows.weighted[index] = float_to_bf16(rounded * bf16_to_float(rows.norm_weight[n]));
  if (n % kSquaresWidth == 0) rows.squares[index / kSquaresWidth] = squares;
}

// What a product over a norm multiplies its sums by; all lanes of a warp get it.
__device__ __forceinline__ float norm_scale(const float* squares, int num_inputs, float epsilon) {
  float sum = 0.0F;
#pragma unroll 8
  for (int i = static_cast<int>(threadIdx.x % 32); i < num_inputs / kSquaresWidth; i += 32) {
    sum += __ldcg(squares + i);
  }
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(0xFFFFFFFFU, sum, distance);
  }
  return 1.0F / sqrtf((sum / static_cast<float>(num_inputs)) + epsilon);
}

}  // namespace penstock::kernels::cuda
