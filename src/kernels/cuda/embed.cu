#include "kernels/cuda/embed.h"

#include "kernels/cuda/grid_dependency.cuh"
#include "kernels/cuda/residual_rows.cuh"
#include "kernels/cuda/weight_panels.h"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 256;

// A thread a value, a block 256 of a row.
__global__ void __launch_bounds__(kNumThreads) embed_kernel(EmbedArgs args) {
  allow_next_grid();
  const int row = static_cast<int>(blockIdx.y);
  const int n = static_cast<int>((blockIdx.x * kNumThreads) + threadIdx.x);
  const bool is_stored = n < args.dim;
  const std::uint32_t token = args.token_ids[row];
  float value = __uint_as_float(0x7FC00000U);
  if (is_stored && token < static_cast<std::uint32_t>(args.vocab_size)) {
    value = bf16_to_float(args.table[panel_offset(token, static_cast<std::size_t>(n), args.dim)]);
  }
  store_residual(args.rows, args.dim, row, n, value, is_stored);
}

}  // namespace

cudaError_t launch_embed(const EmbedArgs& args, cudaStream_t stream) {
  constexpr int kMaxGridY = 65535;
  if (args.num_rows < 1 || args.num_rows > kMaxGridY || args.dim < kPanelChunk ||
      args.dim % kPanelChunk != 0 || args.vocab_size < 1) {
    return cudaErrorInvalidValue;
  }
  const dim3 grid(static_cast<unsigned>((args.dim + kNumThreads - 1) / kNumThreads),
                  static_cast<unsigned>(args.num_rows));
  return launch_first(embed_kernel, {.grid = grid, .num_threads = kNumThreads, .shared_bytes = 0},
                      args, stream);
}

}  // namespace penstock::kernels::cuda
