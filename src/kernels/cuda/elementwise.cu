#include "kernels/cuda/elementwise.h"

#include <cstddef>

#include "kernels/cuda/bf16.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 128;

unsigned blocks_for(int num_vectors) {
  return static_cast<unsigned>((num_vectors + kNumThreads - 1) / kNumThreads);
}

__global__ void __launch_bounds__(kNumThreads) swiglu_kernel(SwigluArgs args) {
  const int vectors_in_row = args.inner / 8;
  const int index = static_cast<int>(blockIdx.x * kNumThreads + threadIdx.x);
  if (index >= vectors_in_row) return;
  const std::size_t row = blockIdx.y;
  const uint4* gate = reinterpret_cast<const uint4*>(args.gate_up) + (row * 2 * vectors_in_row);
  const Float8 g = unpack8(gate[index]);
  const Float8 up = unpack8(gate[vectors_in_row + index]);
  Float8 out;
#pragma unroll
  for (int e = 0; e < 8; ++e) out.value[e] = g.value[e] / (1.0F + expf(-g.value[e])) * up.value[e];
  reinterpret_cast<uint4*>(args.out)[(row * vectors_in_row) + index] = pack8(out);
}

__global__ void __launch_bounds__(kNumThreads) embed_kernel(EmbedArgs args) {
  const int vectors_in_row = args.dim / 8;
  const int index = static_cast<int>(blockIdx.x * kNumThreads + threadIdx.x);
  if (index >= vectors_in_row) return;
  const std::size_t row = blockIdx.y;
  const std::uint32_t token = args.token_ids[row];
  constexpr std::uint32_t kTwoNans = 0x7FC07FC0U;
  uint4 bits = make_uint4(kTwoNans, kTwoNans, kTwoNans, kTwoNans);
  if (token < static_cast<std::uint32_t>(args.vocab_size)) {
    const std::size_t from = static_cast<std::size_t>(token) * vectors_in_row;
    bits = reinterpret_cast<const uint4*>(args.table)[from + index];
  }
  reinterpret_cast<uint4*>(args.out)[(row * vectors_in_row) + index] = bits;
}

constexpr int kMaxGridY = 65535;

}  // namespace

cudaError_t launch_swiglu(const SwigluArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.num_rows > kMaxGridY || args.inner < 8 || args.inner % 8 != 0) {
    return cudaErrorInvalidValue;
  }
  const dim3 grid(blocks_for(args.inner / 8), static_cast<unsigned>(args.num_rows));
  swiglu_kernel<<<grid, kNumThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t launch_embed(const EmbedArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.num_rows > kMaxGridY || args.dim < 8 || args.dim % 8 != 0 ||
      args.vocab_size < 1) {
    return cudaErrorInvalidValue;
  }
  const dim3 grid(blocks_for(args.dim / 8), static_cast<unsigned>(args.num_rows));
  embed_kernel<<<grid, kNumThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
