#include "kernels/cuda/token_feedback.h"

#include <cstddef>

#include "kernels/cuda/grid_dependency.cuh"

namespace penstock::kernels::cuda {
namespace {

__global__ void feedback_kernel(TokenFeedbackArgs args) {
  wait_for_grid_before();
  const auto row = static_cast<int>(threadIdx.x);
  const std::uint32_t step = *args.step;
  __syncthreads();
  if (row == 0) *args.step = step + 1;
  if (row >= args.num_rows) return;
  const std::uint32_t token = __ldcg(args.chosen + row);
  const std::size_t place = step % static_cast<std::uint32_t>(args.ring_steps);
  args.ring[(place * args.ring_rows) + row] = token;
  args.token_ids[row] = token;
  if (args.positions[row] >= 0) ++args.positions[row];
}

}  // namespace

cudaError_t launch_token_feedback(const TokenFeedbackArgs& args, cudaStream_t stream) {
  constexpr int kMaxRows = 1024;
  if (args.num_rows < 1 || args.num_rows > kMaxRows || args.ring_steps < 1 ||
      args.ring_rows < args.num_rows) {
    return cudaErrorInvalidValue;
  }
  return launch_overlapped(
      feedback_kernel,
      {.grid = dim3(1), .num_threads = (args.num_rows + 31) / 32 * 32, .shared_bytes = 0}, args,
      stream);
}

}  // namespace penstock::kernels::cuda
