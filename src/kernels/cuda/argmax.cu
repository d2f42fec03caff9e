#include "kernels/cuda/argmax.h"

#include "kernels/cuda/grid_dependency.cuh"
#include "kernels/cuda/sort_key.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 256;
constexpr int kUnroll = 4;

__device__ __forceinline__ std::uint64_t largest_of_warp(std::uint64_t key) {
  for (int distance = 16; distance > 0; distance /= 2) {
    key = larger(key, __shfl_xor_sync(0xFFFFFFFFU, key, distance));
  }
  return key;
}

__global__ void __launch_bounds__(kNumThreads) argmax_split_kernel(ArgmaxArgs args) {
  allow_next_grid();
  wait_for_grid_before();
  const std::size_t row = blockIdx.y;
  const float* logits = args.logits + (row * args.vocab_size);
  const int vocab = args.vocab_size;
  const int stride = kArgmaxSplits * kNumThreads;
  std::uint64_t best = 0;
  for (int base = static_cast<int>(blockIdx.x * kNumThreads + threadIdx.x); base < vocab;
       base += kUnroll * stride) {
    float values[kUnroll];
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) {
      const long long id = base + (static_cast<long long>(i) * stride);
      values[i] = id < vocab ? __ldcg(logits + id) : -INFINITY;
    }
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) {
      const long long id = base + (static_cast<long long>(i) * stride);
      if (id < vocab) best = larger(best, make_key(values[i], static_cast<std::uint32_t>(id)));
    }
  }
  __shared__ std::uint64_t partial[kNumThreads / 32];
  best = largest_of_warp(best);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  best = largest_of_warp(threadIdx.x < kNumThreads / 32 ? partial[threadIdx.x] : 0);
  if (threadIdx.x == 0) args.workspace[(row * kArgmaxSplits) + blockIdx.x] = best;
}

static_assert(kArgmaxSplits == 32, "one warp reads the splits of a row");

__global__ void __launch_bounds__(32) argmax_merge_kernel(ArgmaxArgs args) {
  allow_next_grid();
  wait_for_grid_before();
  const std::size_t row = blockIdx.x;
  const std::uint64_t best =
      largest_of_warp(__ldcg(&args.workspace[(row * kArgmaxSplits) + threadIdx.x]));
  if (threadIdx.x != 0) return;
  args.token_ids[row] = token_of_key(best);
  args.nan_flags[row] = rank_of_key(best) == kNanRank ? 1U : 0U;
}

}  // namespace

cudaError_t launch_argmax(const ArgmaxArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.num_rows > 65535 || args.vocab_size < 1 ||
      args.vocab_size > (1 << 30)) {
    return cudaErrorInvalidValue;
  }
  const dim3 grid(kArgmaxSplits, static_cast<unsigned>(args.num_rows));
  const cudaError_t code = launch_overlapped(
      argmax_split_kernel, {.grid = grid, .num_threads = kNumThreads, .shared_bytes = 0}, args,
      stream);
  if (code != cudaSuccess) return code;
  return launch_overlapped(
      argmax_merge_kernel,
      {.grid = dim3(static_cast<unsigned>(args.num_rows)), .num_threads = 32, .shared_bytes = 0},
      args, stream);
}

}  // namespace penstock::kernels::cuda
