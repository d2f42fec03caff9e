// A value of every thread of a block folded into one that all of them get, in one fixed order.
//
// Every thread of the block calls it; `shared` holds one T per warp and may be used again at once.
#pragma once

#include <cstdint>

namespace penstock::kernels::cuda {

template <class T, class Fold>
__device__ T fold_block(T value, T* shared, Fold fold) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value = fold(value, __shfl_xor_sync(0xFFFFFFFFU, value, distance));
  }
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  T result = shared[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) result = fold(result, shared[warp]);
  __syncthreads();
  return result;
}

template <class T>
__device__ T sum_block(T value, T* shared) {
  return fold_block(value, shared, [](T a, T b) { return a + b; });
}

}  // namespace penstock::kernels::cuda
