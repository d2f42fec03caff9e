// y = x W^T for rows of activations x, and what is done with it: the matrix products of a dense
// model, each with the work around it fused in.
//
// The arithmetic is one for every number of rows, and for every kernel behind these launches:
//
//   slice    K is cut into chunks of 32; slice s (of kSlices) is the chunks s, s + 8, s + 16, ...
//            ascending, each two tensor-core products (m16n8k16, f32 accumulators; mma.cuh says
//            which k stand where).
//   sum      ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
//   norm     RMS norm is not a step of its own. Who writes the residual stream r also writes
//            bf16(r * weight) and, of each 16 neighbours, the sum of r^2 (ResidualRows); the
//            product that reads the former multiplies its sums by 1 / sqrt(mean(r^2) + epsilon):
//            lane l of 32 adds the squares l, l + 32, ... ascending, then a butterfly.
//
// A row of x never meets another, so its bits are the same alone and among any others.
//
// All pointers are device memory, 16-byte aligned, rows dense; weights are in panels
// (weight_panels.h). Launches on `stream` without waiting, overlapping the launch before it
// (grid_dependency.cuh): weights must be older than the chain of launches.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace penstock::kernels::cuda {

inline constexpr int kSkinnyMaxRows = 16;
inline constexpr int kWideMaxRows = 16384;
inline constexpr int kSlices = 8;
inline constexpr int kSquaresWidth = 16;  // values of a row behind one sum of squares

enum class ProductKind : std::uint8_t {
  kRows,      // y[m, n] = bf16(sum)
  kLogits,    // logits[m, n] = sum
  kSwiglu,    // y[m, n] = bf16(silu(bf16(gate)) * bf16(up)): 8 rows of gate and 8 of up a tile
  kResidual,  // residual += bf16(sum), and what the next norm needs of it
};

// A residual stream and the norm that will be taken of it.
struct ResidualRows {
  std::uint16_t* residual{};           // [num_rows, dim] bf16
  const std::uint16_t* norm_weight{};  // [dim] bf16
  std::uint16_t* weighted{};           // [num_rows, dim] bf16
  float* squares{};                    // [num_rows, dim / kSquaresWidth]
};

struct ProductArgs {
  ProductKind kind{};
  const std::uint16_t* x{};  // [num_rows, num_inputs] bf16
  const float* x_squares{};  // [num_rows, num_inputs / 16] when x stands for its norm, or null
  const std::uint16_t* w{};  // [num_outputs, num_inputs] bf16, panels
  std::uint16_t* y{};        // kRows: [num_rows, num_outputs]; kSwiglu: [num_rows, num_outputs / 2]
  float* logits{};           // kLogits: [num_rows, num_outputs]
  ResidualRows residual{};   // kResidual, dim = num_outputs
  float epsilon{};
  int num_rows{};             // M
  int num_outputs{};          // N, a multiple of 16
  int num_inputs{};           // K, a multiple of 32
  int num_multiprocessors{};  // of the device: the grid; changes no bit of the result
};

// Raise the kernels' shared memory limits on the current device: once, before any launch.
[[nodiscard]] cudaError_t prepare_skinny_product();
[[nodiscard]] cudaError_t prepare_wide_product();

// For 1 to kSkinnyMaxRows rows: every weight is read from memory once, as fast as memory goes.
// cudaErrorInvalidValue when a shape is outside the limits above.
[[nodiscard]] cudaError_t launch_skinny_product(const ProductArgs& args, cudaStream_t stream);
// For more rows: up to kWideMaxRows, in parts of 64.
[[nodiscard]] cudaError_t launch_wide_product(const ProductArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
