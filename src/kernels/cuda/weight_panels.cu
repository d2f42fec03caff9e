#include "kernels/cuda/weight_panels.h"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 256;

// A thread moves 16 bytes; reads run along rows, writes within a chunk.
__global__ void __launch_bounds__(kNumThreads) pack_kernel(PackPanelsArgs args) {
  const std::size_t pieces_in_row = static_cast<std::size_t>(args.num_inputs) / 8;
  const std::size_t count = pieces_in_row * args.num_outputs;
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kNumThreads;
  for (std::size_t i = (static_cast<std::size_t>(blockIdx.x) * kNumThreads) + threadIdx.x;
       i < count; i += stride) {
    const std::size_t row = i / pieces_in_row;
    const std::size_t tile = row / args.rows_per_tile;
    const std::size_t to =
        panel_offset((tile * kPanelRows) + args.first_row + (row % args.rows_per_tile),
                     i % pieces_in_row * 8, args.num_inputs);
    *reinterpret_cast<uint4*>(args.panels + to) = reinterpret_cast<const uint4*>(args.rows)[i];
  }
}

}  // namespace

cudaError_t launch_pack_panels(const PackPanelsArgs& args, cudaStream_t stream) {
  const bool is_whole = args.rows_per_tile == kPanelRows && args.first_row == 0;
  const bool is_half = args.rows_per_tile == kPanelRows / 2 &&
                       (args.first_row == 0 || args.first_row == kPanelRows / 2);
  if (!(is_whole || is_half) || args.num_outputs < args.rows_per_tile ||
      args.num_outputs % args.rows_per_tile != 0 || args.num_inputs < kPanelChunk ||
      args.num_inputs % kPanelChunk != 0) {
    return cudaErrorInvalidValue;
  }
  constexpr int kNumBlocks = 1024;
  pack_kernel<<<kNumBlocks, kNumThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
