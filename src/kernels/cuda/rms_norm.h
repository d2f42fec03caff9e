// Root mean square norm of bf16 rows in f32, with the residual add that precedes it.
//
//   residual[r] = bf16(residual[r] + x[r])          (left as it is when x is null)
//   out[r]      = bf16(residual[r] * (1 / sqrt(mean(residual[r]^2) + epsilon)) * weight)
//
// The norm reads the rounded sum, so that fused and separate calls give the same bits. The order of
// the sum of squares depends on dim alone, never on the number of rows.
//
// All pointers are device memory, 16-byte aligned, rows dense. Launches on `stream`, does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace penstock::kernels::cuda {

struct RmsNormArgs {
  const std::uint16_t* x;       // [num_rows, dim] bf16, or null
  std::uint16_t* residual;      // [num_rows, dim] bf16, read and written
  const std::uint16_t* weight;  // [dim] bf16
  std::uint16_t* out;           // [num_rows, dim] bf16
  int num_rows;
  int dim;  // a multiple of 8, at most kMaxNormDim
  float epsilon;
};

inline constexpr int kMaxNormDim = 16384;

// cudaErrorInvalidValue when a shape is outside the limits above.
[[nodiscard]] cudaError_t launch_rms_norm(const RmsNormArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
