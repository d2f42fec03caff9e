#include "bench/cuda/gpu_limits.h"

namespace penstock::gpu_bench {
namespace {

constexpr int kNumThreads = 512;
constexpr int kUnroll = 8;

__global__ void __launch_bounds__(kNumThreads)
    read_kernel(const uint4* from, std::size_t num_vectors, std::uint32_t* sink) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kNumThreads;
  std::size_t index = (static_cast<std::size_t>(blockIdx.x) * kNumThreads) + threadIdx.x;
  std::uint32_t mix = 0;
  for (; index + ((kUnroll - 1) * stride) < num_vectors; index += kUnroll * stride) {
    uint4 bits[kUnroll];
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) bits[i] = __ldg(from + index + (i * stride));
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) mix ^= bits[i].x ^ bits[i].y ^ bits[i].z ^ bits[i].w;
  }
  for (; index < num_vectors; index += stride) mix ^= __ldg(from + index).x;
  if (mix == 0x12345678U) *sink = mix;
}

__global__ void nothing_kernel() {}

__device__ std::uint32_t random_pair(std::uint64_t state) {
  std::uint64_t z = (state + 1) * 0x9E3779B97F4A7C15U;  // SplitMix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return (static_cast<std::uint32_t>(z >> 32) & 0x807F807FU) | 0x3F003F00U;
}

__global__ void __launch_bounds__(kNumThreads) fill_kernel(uint4* to, std::size_t num_vectors) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * kNumThreads;
  for (std::size_t i = (static_cast<std::size_t>(blockIdx.x) * kNumThreads) + threadIdx.x;
       i < num_vectors; i += stride) {
    to[i] = make_uint4(random_pair(4 * i), random_pair((4 * i) + 1), random_pair((4 * i) + 2),
                       random_pair((4 * i) + 3));
  }
}

}  // namespace

cudaError_t launch_read(const std::byte* from, std::size_t num_vectors, std::uint32_t* sink,
                        int num_blocks, cudaStream_t stream) {
  read_kernel<<<num_blocks, kNumThreads, 0, stream>>>(reinterpret_cast<const uint4*>(from),
                                                      num_vectors, sink);
  return cudaGetLastError();
}

cudaError_t launch_nothing(cudaStream_t stream) {
  nothing_kernel<<<1, 32, 0, stream>>>();
  return cudaGetLastError();
}

cudaError_t launch_fill(std::byte* to, std::size_t num_vectors, int num_blocks,
                        cudaStream_t stream) {
  fill_kernel<<<num_blocks, kNumThreads, 0, stream>>>(reinterpret_cast<uint4*>(to), num_vectors);
  return cudaGetLastError();
}

}  // namespace penstock::gpu_bench
