#include "kernels/cuda/rms_norm.h"

#include "kernels/cuda/bf16.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 256;

constexpr int kLanes = 64;  // as many sums as four lanes of sixteen warps of decode_step.cu keep

// Every thread gets the sum of the vectors' squares: lane u of 64 adds the vectors u, u + 64, ...
// ascending; four neighbours fold as a butterfly; the sixteen fours are added ascending.
__device__ float sum_over_row(const float* squares, int num_vectors) {
  __shared__ float fours[kLanes / 4];
  const int u = static_cast<int>(threadIdx.x);
  if (u < kLanes) {
    float sum = 0.0F;
    for (int i = u; i < num_vectors; i += kLanes) sum += squares[i];
    sum += __shfl_xor_sync(0xFFFFFFFFU, sum, 1);
    sum += __shfl_xor_sync(0xFFFFFFFFU, sum, 2);
    if (u % 4 == 0) fours[u / 4] = sum;
  }
  __syncthreads();
  float sum = fours[0];
  for (int i = 1; i < kLanes / 4; ++i) sum += fours[i];
  return sum;
}

// One block a row; the row stays in registers between its two uses. Thread t holds the vectors
// t, t + 256, ... of eight values.
template <int num_vectors>
__global__ void __launch_bounds__(kNumThreads) rms_norm_kernel(RmsNormArgs args) {
  const std::size_t row = static_cast<std::size_t>(blockIdx.x) * args.dim / 8;
  uint4* residual = reinterpret_cast<uint4*>(args.residual) + row;
  const uint4* x = reinterpret_cast<const uint4*>(args.x);
  const int vectors_in_row = args.dim / 8;

  __shared__ float squares[kMaxNormDim / 8];
  Float8 values[num_vectors];
#pragma unroll
  for (int i = 0; i < num_vectors; ++i) {
    const int index = (i * kNumThreads) + threadIdx.x;
    if (index >= vectors_in_row) continue;
    uint4 bits = residual[index];
    if (x != nullptr) {
      Float8 sum = unpack8(bits);
      const Float8 added = unpack8(x[row + index]);
#pragma unroll
      for (int e = 0; e < 8; ++e) sum.value[e] += added.value[e];
      bits = pack8(sum);
      residual[index] = bits;
    }
    values[i] = unpack8(bits);
    float sum = 0.0F;
#pragma unroll
    for (int e = 0; e < 8; ++e) sum = fmaf(values[i].value[e], values[i].value[e], sum);
    squares[index] = sum;
  }
  __syncthreads();
  const float mean = sum_over_row(squares, vectors_in_row) / static_cast<float>(args.dim);
  const float scale = 1.0F / sqrtf(mean + args.epsilon);

  uint4* out = reinterpret_cast<uint4*>(args.out) + row;
  const uint4* weight = reinterpret_cast<const uint4*>(args.weight);
#pragma unroll
  for (int i = 0; i < num_vectors; ++i) {
    const int index = (i * kNumThreads) + threadIdx.x;
    if (index >= vectors_in_row) continue;
    const Float8 factors = unpack8(weight[index]);
#pragma unroll
    for (int e = 0; e < 8; ++e) values[i].value[e] = values[i].value[e] * scale * factors.value[e];
    out[index] = pack8(values[i]);
  }
}

}  // namespace

cudaError_t launch_rms_norm(const RmsNormArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.dim < 8 || args.dim % 8 != 0 || args.dim > kMaxNormDim) {
    return cudaErrorInvalidValue;
  }
  const int per_thread = ((args.dim / 8) + kNumThreads - 1) / kNumThreads;
  if (per_thread <= 1) {
    rms_norm_kernel<1><<<args.num_rows, kNumThreads, 0, stream>>>(args);
  } else if (per_thread <= 2) {
    rms_norm_kernel<2><<<args.num_rows, kNumThreads, 0, stream>>>(args);
  } else if (per_thread <= 4) {
    rms_norm_kernel<4><<<args.num_rows, kNumThreads, 0, stream>>>(args);
  } else {
    rms_norm_kernel<8><<<args.num_rows, kNumThreads, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
