// One head of q or k in the registers of a warp: norm and RoPE on it. Lane l has the pairs
// (i, i + head_dim / 2) for i = l, l + 32, ... below head_dim / 2.
#pragma once

#include <cstdint>

#include "kernels/cuda/bf16.cuh"

namespace penstock::kernels::cuda {

template <int head_dim>
struct Head {
  static constexpr int kPairs = head_dim / 64;
  float low[kPairs];
  float high[kPairs];
};

// The weights of a norm, in any memory.
template <int head_dim>
__device__ __forceinline__ Head<head_dim> norm_weights(const std::uint16_t* from, int lane) {
  Head<head_dim> head;
#pragma unroll
  for (int j = 0; j < Head<head_dim>::kPairs; ++j) {
    head.low[j] = bf16_to_float(from[lane + (32 * j)]);
    head.high[j] = bf16_to_float(from[lane + (32 * j) + (head_dim / 2)]);
  }
  return head;
}

// Past L1: under programmatic dependent launch it may be older than the product that wrote the
// head.
template <int head_dim>
__device__ __forceinline__ Head<head_dim> load_head(const std::uint16_t* from, int lane) {
  Head<head_dim> head;
#pragma unroll
  for (int j = 0; j < Head<head_dim>::kPairs; ++j) {
    head.low[j] = bf16_to_float(__ldcg(from + lane + (32 * j)));
    head.high[j] = bf16_to_float(__ldcg(from + lane + (32 * j) + (head_dim / 2)));
  }
  return head;
}

template <int head_dim>
__device__ __forceinline__ void store_head(const Head<head_dim>& head, std::uint16_t* to,
                                           int lane) {
#pragma unroll
  for (int j = 0; j < Head<head_dim>::kPairs; ++j) {
    to[lane + (32 * j)] = float_to_bf16(head.low[j]);
    to[lane + (32 * j) + (head_dim / 2)] = float_to_bf16(head.high[j]);
  }
}

// The sum of squares: a lane's pairs ascending, low before high, then a butterfly over the lanes.
template <int head_dim>
__device__ __forceinline__ void norm_head(Head<head_dim>& head, const Head<head_dim>& weight,
                                          float epsilon) {
  float squares = 0.0F;
#pragma unroll
  for (int j = 0; j < Head<head_dim>::kPairs; ++j) {
    squares = fmaf(head.low[j], head.low[j], squares);
    squares = fmaf(head.high[j], head.high[j], squares);
  }
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    squares += __shfl_xor_sync(0xFFFFFFFFU, squares, distance);
  }
  const float scale = 1.0F / sqrtf((squares / static_cast<float>(head_dim)) + epsilon);
#pragma unroll
  for (int j = 0; j < Head<head_dim>::kPairs; ++j) {
    head.low[j] = head.low[j] * scale * weight.low[j];
    head.high[j] = head.high[j] * scale * weight.high[j];
  }
}

// `angles`: the cosines of a position, then its sines.
template <int head_dim>
__device__ __forceinline__ void rotate_head(Head<head_dim>& head, const float* angles, int lane) {
#pragma unroll
  for (int j = 0; j < Head<head_dim>::kPairs; ++j) {
    const float cosine = angles[lane + (32 * j)];
    const float sine = angles[lane + (32 * j) + (head_dim / 2)];
    const float a = head.low[j];
    const float b = head.high[j];
    head.low[j] = (a * cosine) - (b * sine);
    head.high[j] = (b * cosine) + (a * sine);
  }
}

// The whole way from the product's output to what attention reads. `weight` may be null.
template <int head_dim>
__device__ __forceinline__ Head<head_dim> prepared_head(const std::uint16_t* from,
                                                        const std::uint16_t* weight, float epsilon,
                                                        const float* angles, int lane) {
  Head<head_dim> head = load_head<head_dim>(from, lane);
  if (weight != nullptr) norm_head<head_dim>(head, norm_weights<head_dim>(weight, lane), epsilon);
  rotate_head<head_dim>(head, angles, lane);
  return head;
}

}  // namespace penstock::kernels::cuda
