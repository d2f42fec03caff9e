// y[m, n] = sum over k of x[m, k] * w[n, k] for 1 to 16 rows m: a decode step's matrix product.
//
// Weights are bf16, row-major, read from memory once. The arithmetic is one for every number of
// rows: K is cut into chunks of 32; slice s (of kGemmSlices) is the chunks s, s + 16, ...
// ascending, each two tensor-core products (m16n8k16, f32 accumulators); the slices are added in
// ascending order. A row of x never meets another, so its bits are the same alone and among
// fifteen.
//
// All pointers are device memory, 16-byte aligned, rows dense. Launches on `stream`, does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace penstock::kernels::cuda {

inline constexpr int kGemmMaxRows = 16;
inline constexpr int kGemmSlices = 16;

struct SkinnyGemmArgs {
  const std::uint16_t* x;   // [num_rows, num_inputs] bf16
  const std::uint16_t* w;   // [num_outputs, num_inputs] bf16
  std::uint16_t* y_bf16;    // [num_rows, num_outputs], or null
  float* y_f32;             // [num_rows, num_outputs], or null; exactly one of the two
  int num_rows;             // M, 1 to kGemmMaxRows
  int num_outputs;          // N, a multiple of 16
  int num_inputs;           // K, a multiple of 32
  int num_multiprocessors;  // of the device: the grid; changes no bit of the result
};

// Raises the kernels' shared memory limit on the current device: once per device, before any
// launch.
[[nodiscard]] cudaError_t prepare_skinny_gemm();

// cudaErrorInvalidValue when a shape is outside the limits above.
[[nodiscard]] cudaError_t launch_skinny_gemm(const SkinnyGemmArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
