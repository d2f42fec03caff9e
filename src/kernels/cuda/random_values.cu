#include "kernels/cuda/random_values.h"

#include "kernels/cuda/bf16.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 256;

__device__ __forceinline__ float uniform(std::uint32_t bits) {
  return (static_cast<float>(bits) * 0x1p-31F) - 1.0F;
}

__global__ void __launch_bounds__(kNumThreads) random_kernel(RandomValuesArgs args) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kNumThreads;
  for (std::size_t i = (static_cast<std::size_t>(blockIdx.x) * kNumThreads) + threadIdx.x;
       i < args.count / 2; i += stride) {
    std::uint64_t z = args.seed + ((i + 1) * 0x9E3779B97F4A7C15U);  // SplitMix64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    const float low = args.offset + (args.scale * uniform(static_cast<std::uint32_t>(z)));
    const float high = args.offset + (args.scale * uniform(static_cast<std::uint32_t>(z >> 32)));
    reinterpret_cast<std::uint32_t*>(args.to)[i] = pack_bf16(low, high);
  }
}

}  // namespace

cudaError_t launch_random_values(const RandomValuesArgs& args, cudaStream_t stream) {
  if (args.count % 2 != 0) return cudaErrorInvalidValue;
  constexpr int kNumBlocks = 1024;
  random_kernel<<<kNumBlocks, kNumThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
