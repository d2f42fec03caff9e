// One segment (256 positions) of one KV head for its group of query heads, on tensor cores: what
// paged_attention.cu and decode_step.cu share. Sixteen warps; warps 2i and 2i + 1 have tile i of 32
// positions, each for half of the dims of V (both compute the same scores).
//
//   scores  A = queries (rows: heads), B = keys (columns: positions); fragments straight from
//           memory as mma.cuh says.
//   output  A = weights p, whose fragments are the scores' accumulators as they lie; B = values,
//           two positions' words interleaved by byte permutes. Column g of product j is dim
//           g * (dims / 8) + j of the warp's half.
//
// The keys' loads start before the queries are there: load_keys, then the caller's preparation and
// a barrier, then attend, which ends with every tile's sums in shared memory, and fold.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/mma.cuh"

namespace penstock::kernels::cuda {

inline constexpr int kTilesPerSegment = 8;
inline constexpr int kAttentionWarps = 2 * kTilesPerSegment;
inline constexpr int kAttentionThreads = 32 * kAttentionWarps;
inline constexpr int kMaxGroup = 8;
inline constexpr float kLog2E = 1.4426950408889634F;

// The threads that compute; a warp beside them that only copies does not take part.
__device__ __forceinline__ void sync_attention() {
  asm volatile("bar.sync 1, %0;" ::"n"(kAttentionThreads) : "memory");
}

template <int head_dim>
struct SegmentShared {
  alignas(16) std::uint16_t queries[kMaxGroup][head_dim];
  alignas(16) std::uint16_t key[head_dim];    // of the newest position, when it is not in the pool
  alignas(16) std::uint16_t value[head_dim];  // likewise
  float maxima[kTilesPerSegment][kMaxGroup];
  float totals[kTilesPerSegment][kMaxGroup];
  float sums[1];  // [kTilesPerSegment][group][head_dim]
};
template <int head_dim>
constexpr int segment_shared_bytes(int group) {
  return static_cast<int>(sizeof(SegmentShared<head_dim>)) +
         (kTilesPerSegment * group * head_dim * static_cast<int>(sizeof(float)));
}

template <int head_dim>
class SegmentTile {
 public:
  // `keys`: the tile's first key in the pool, read for positions below num_stored; the tile has
  // num_tokens positions, and the one past num_stored, if any, is SegmentShared::key.
  __device__ __forceinline__ SegmentTile(const std::uint16_t* keys, std::size_t value_distance,
                                         int num_stored, int num_tokens)
      : values_(keys + value_distance), num_stored_(num_stored), num_tokens_(num_tokens) {
    const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const int position = (8 * n) + (lane / 4);
      const auto* row = reinterpret_cast<const uint4*>(keys + (position * head_dim)) + (lane % 4);
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        keys_[n][c] = make_uint4(0, 0, 0, 0);
        if (position < num_stored) keys_[n][c] = row[4 * c];
      }
    }
    if (lane < num_stored) {
      asm volatile("prefetch.global.L2 [%0];" ::"l"(values_ + (lane * head_dim) + first_dim()));
    }
  }

  // Ends with the tile's sums, maximum and total in shared memory; the caller's barrier follows.
  __device__ __forceinline__ void attend(SegmentShared<head_dim>& shared, int group, float scale) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int head = lane / 4;
    const int tile = static_cast<int>(threadIdx.x) / 64;
    const bool has_tokens = num_tokens_ > 0;
    Fragment scores[4] = {};
    if (has_tokens) score(shared, group, scale, scores);
    float maximum = -INFINITY;
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      maximum = fmaxf(maximum, fmaxf(scores[n].c[0], scores[n].c[1]));
    }
    maximum = fmaxf(maximum, __shfl_xor_sync(0xFFFFFFFFU, maximum, 1));
    maximum = fmaxf(maximum, __shfl_xor_sync(0xFFFFFFFFU, maximum, 2));
    if (lane % 4 == 0) shared.maxima[tile][head] = maximum;
    sync_attention();
    if (!has_tokens) return;
    for (int i = 0; i < tile; ++i) maximum = fmaxf(maximum, shared.maxima[i][head]);
    weigh(shared, group, tile, maximum, scores);
  }

 private:
  static constexpr int kChunks = head_dim / 32;
  static constexpr int kHalf = head_dim / 2;
  static constexpr int kDims = kHalf / 8;  // of a lane: neighbours, one load
  using Bits = std::conditional_t<kDims == 8, uint4, uint2>;

  static __device__ __forceinline__ int first_dim() {
    return static_cast<int>(threadIdx.x / 32 % 2) * kHalf;
  }

  // Scores in units of log2, -inf past the context.
  __device__ __forceinline__ void score(const SegmentShared<head_dim>& shared, int group,
                                        float scale, Fragment (&scores)[4]) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int head = lane / 4;
#pragma unroll
    for (int c = 0; c < kChunks; ++c) {
      uint4 query = make_uint4(0, 0, 0, 0);
      if (head < group) {
        query = reinterpret_cast<const uint4*>(shared.queries[head])[(4 * c) + (lane % 4)];
      }
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        const int position = (8 * n) + (lane / 4);
        if (position == num_stored_ && num_stored_ < num_tokens_) {
          keys_[n][c] = reinterpret_cast<const uint4*>(shared.key)[(4 * c) + (lane % 4)];
        }
        multiply_chunk(scores[n], query, make_uint4(0, 0, 0, 0), keys_[n][c]);
      }
    }
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const int position = (8 * n) + (lane % 4 * 2) + i;
        scores[n].c[i] = position < num_tokens_ ? scores[n].c[i] * scale : -INFINITY;
      }
    }
  }

  __device__ __forceinline__ Bits load_value(const SegmentShared<head_dim>& shared,
                                             int position) const {
    const int first = first_dim() + (static_cast<int>(threadIdx.x % 32) / 4 * kDims);
    Bits bits{};
    if (position < num_stored_) {
      bits = *reinterpret_cast<const Bits*>(values_ + (position * head_dim) + first);
    } else if (position < num_tokens_) {
      bits = *reinterpret_cast<const Bits*>(shared.value + first);
    }
    return bits;
  }

  __device__ __forceinline__ void weigh(SegmentShared<head_dim>& shared, int group, int tile,
                                        float maximum, const Fragment (&scores)[4]) const {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int head = lane / 4;
    Bits bits[2][4];  // [16 positions][2t, 2t + 1, 2t + 8, 2t + 9]
#pragma unroll
    for (int s = 0; s < 2; ++s) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        bits[s][i] = load_value(shared, (16 * s) + (lane % 4 * 2) + (i % 2) + (i / 2 * 8));
      }
    }
    float total = 0.0F;
    std::uint32_t weights[4];
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const float p0 = exp2f(scores[n].c[0] - maximum);
      const float p1 = exp2f(scores[n].c[1] - maximum);
      total += p0;
      total += p1;
      weights[n] = pack_bf16(p0, p1);
    }
    total += __shfl_xor_sync(0xFFFFFFFFU, total, 1);
    total += __shfl_xor_sync(0xFFFFFFFFU, total, 2);
    if (lane % 4 == 0) shared.totals[tile][head] = total;

    Fragment out[kDims] = {};
#pragma unroll
    for (int s = 0; s < 2; ++s) {
#pragma unroll
      for (int j = 0; j < kDims; ++j) {
        multiply(out[j], weights[2 * s], 0, weights[(2 * s) + 1], 0,
                 pair_of(bits[s][0], bits[s][1], j), pair_of(bits[s][2], bits[s][3], j));
      }
    }
    if (head >= group) return;
    float* sums = shared.sums + (((tile * group) + head) * head_dim) + first_dim();
#pragma unroll
    for (int j = 0; j < kDims; ++j) {
      sums[(lane % 4 * 2 * kDims) + j] = out[j].c[0];
      sums[(((lane % 4 * 2) + 1) * kDims) + j] = out[j].c[1];
    }
  }

  // Element j of `even` below element j of `odd`.
  static __device__ __forceinline__ std::uint32_t pair_of(const Bits& even, const Bits& odd,
                                                          int j) {
    return __byte_perm(word(even, j / 2), word(odd, j / 2), j % 2 == 0 ? 0x5410 : 0x7632);
  }
  static __device__ __forceinline__ std::uint32_t word(const uint2& bits, int i) {
    return i == 0 ? bits.x : bits.y;
  }
  static __device__ __forceinline__ std::uint32_t word(const uint4& bits, int i) {
    if (i == 0) return bits.x;
    if (i == 1) return bits.y;
    return i == 2 ? bits.z : bits.w;
  }

  const std::uint16_t* values_;
  int num_stored_;
  int num_tokens_;
  uint4 keys_[4][kChunks];
};

// The running fold of (sum, maximum, total): tiles of a segment, or segments of a row.
struct SoftmaxFold {
  float sum;
  float maximum;
  float total;
};

// Tiles 0 .. num_tiles - 1 of a segment, ascending, for one dim of one head of the group.
template <int head_dim>
__device__ __forceinline__ SoftmaxFold fold_tiles(const SegmentShared<head_dim>& shared, int group,
                                                  int head, int dim, int num_tiles) {
  SoftmaxFold fold{shared.sums[(head * head_dim) + dim], shared.maxima[0][head],
                   shared.totals[0][head]};
  for (int tile = 1; tile < num_tiles; ++tile) {
    const float next = fmaxf(fold.maximum, shared.maxima[tile][head]);
    const float shrink = exp2f(fold.maximum - next);
    fold.total = fmaf(fold.total, shrink, shared.totals[tile][head]);
    fold.sum = fmaf(fold.sum, shrink, shared.sums[(((tile * group) + head) * head_dim) + dim]);
    fold.maximum = next;
  }
  return fold;
}

// Both sides scaled to the larger maximum. Starts from {0, -inf, 0}.
__device__ __forceinline__ void fold_segment(SoftmaxFold& fold, const SoftmaxFold& part) {
  const float next = fmaxf(fold.maximum, part.maximum);
  const float shrink = exp2f(fold.maximum - next);
  const float part_shrink = exp2f(part.maximum - next);
  fold.sum = fmaf(fold.sum, shrink, part.sum * part_shrink);
  fold.total = fmaf(fold.total, shrink, part.total * part_shrink);
  fold.maximum = next;
}

}  // namespace penstock::kernels::cuda
