// One segment (256 positions) of one KV head for its group of query heads, on tensor cores: what
// paged_attention.cu and decode_step.cu share. Eight warps, each a tile of 32 positions.
//
//   scores  A = queries (rows: heads), B = keys (columns: positions); fragments straight from
//           memory as mma.cuh says.
//   output  A = weights p, whose fragments are the scores' accumulators as they lie; B = values,
//           two positions' words interleaved by byte permutes. Column g of product j is dim 8 g + j
//           of a piece of 64 dims.
//
// The constructor starts the loads of keys and values, which need nothing of the step at hand: it
// may come before the queries are there. Then the caller's preparation and a barrier, then attend,
// which ends with every tile's sums in shared memory, another barrier, and fold_tiles.
#pragma once

#include <cstdint>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/mma.cuh"

namespace penstock::kernels::cuda {

inline constexpr int kTilesPerSegment = 8;
inline constexpr int kAttentionThreads = 32 * kTilesPerSegment;
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
  float maxima[kTilesPerSegment][kMaxGroup];  // each tile's own
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
      : num_stored_(num_stored), num_tokens_(num_tokens) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const auto* key_row = reinterpret_cast<const uint4*>(keys + (lane / 4 * head_dim)) + (lane % 4);
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const bool is_stored = (8 * n) + (lane / 4) < num_stored;
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        keys_[n][c] = make_uint4(0, 0, 0, 0);
        if (is_stored) keys_[n][c] = key_row[(n * head_dim) + (4 * c)];
      }
    }
    const auto* value_row =
        reinterpret_cast<const uint4*>(keys + value_distance + (lane % 4 * 2 * head_dim)) +
        (lane / 4);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const bool is_stored = value_position(i) < num_stored;
#pragma unroll
      for (int piece = 0; piece < kPieces; ++piece) {
        values_[i][piece] = make_uint4(0, 0, 0, 0);
        if (is_stored) {
          values_[i][piece] =
              value_row[(((i / 4 * 16) + (i % 2) + (i / 2 % 2 * 8)) * (head_dim / 8)) +
                        (8 * piece)];
        }
      }
    }
  }

  // Ends with the tile's sums, maximum and total in shared memory; the caller's barrier follows.
  __device__ __forceinline__ void attend(SegmentShared<head_dim>& shared, int group, float scale) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int tile = static_cast<int>(threadIdx.x / 32);
    const int head = lane / 4;
    Fragment scores[4] = {};
    score(shared, group, scale, scores);
    float maximum = -INFINITY;
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      maximum = fmaxf(maximum, fmaxf(scores[n].c[0], scores[n].c[1]));
    }
    maximum = fmaxf(maximum, __shfl_xor_sync(0xFFFFFFFFU, maximum, 1));
    maximum = fmaxf(maximum, __shfl_xor_sync(0xFFFFFFFFU, maximum, 2));
    if (lane % 4 == 0) shared.maxima[tile][head] = maximum;
    sync_attention();
    if (num_tokens_ <= 0) return;
#pragma unroll
    for (int i = 0; i < kTilesPerSegment - 1; ++i) {
      if (i < tile) maximum = fmaxf(maximum, shared.maxima[i][head]);
    }
    weigh(shared, group, maximum, scores);
  }

 private:
  static constexpr int kChunks = head_dim / 32;
  static constexpr int kPieces = head_dim / 64;

  // Load i of the lane: of each 16 positions 2t, 2t + 1, 2t + 8, 2t + 9.
  static __device__ __forceinline__ int value_position(int i) {
    return (i / 4 * 16) + (static_cast<int>(threadIdx.x % 4) * 2) + (i % 2) + (i / 2 % 2 * 8);
  }

  // Scores in units of log2, -inf past the context. The newest position comes in here.
  __device__ __forceinline__ void score(const SegmentShared<head_dim>& shared, int group,
                                        float scale, Fragment (&scores)[4]) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int head = lane / 4;
    if (num_stored_ < num_tokens_) take_newest(shared);
#pragma unroll
    for (int c = 0; c < kChunks; ++c) {
      uint4 query = make_uint4(0, 0, 0, 0);
      if (head < group) {
        query = reinterpret_cast<const uint4*>(shared.queries[head])[(4 * c) + (lane % 4)];
      }
#pragma unroll
      for (int n = 0; n < 4; ++n) {
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

  __device__ __forceinline__ void take_newest(const SegmentShared<head_dim>& shared) {
    const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      if ((8 * n) + (lane / 4) != num_stored_) continue;
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        keys_[n][c] = reinterpret_cast<const uint4*>(shared.key)[(4 * c) + (lane % 4)];
      }
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      if (value_position(i) != num_stored_) continue;
#pragma unroll
      for (int piece = 0; piece < kPieces; ++piece) {
        values_[i][piece] = reinterpret_cast<const uint4*>(shared.value)[(8 * piece) + (lane / 4)];
      }
    }
  }

  // p, summed before it is rounded to bf16 for the products with the values.
  __device__ __forceinline__ void weigh(SegmentShared<head_dim>& shared, int group, float maximum,
                                        const Fragment (&scores)[4]) const {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int tile = static_cast<int>(threadIdx.x / 32);
    const int head = lane / 4;
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
    float* sums = shared.sums + (((tile * group) + head) * head_dim) + (lane % 4 * 16);
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        Fragment out{};
#pragma unroll
        for (int s = 0; s < 2; ++s) {
          multiply(out, weights[2 * s], 0, weights[(2 * s) + 1], 0,
                   pair_of(values_[4 * s][piece], values_[(4 * s) + 1][piece], j),
                   pair_of(values_[(4 * s) + 2][piece], values_[(4 * s) + 3][piece], j));
        }
        if (head < group) {
          sums[(64 * piece) + j] = out.c[0];
          sums[(64 * piece) + 8 + j] = out.c[1];
        }
      }
    }
  }

  // Element j of `even` below element j of `odd`.
  static __device__ __forceinline__ std::uint32_t pair_of(const uint4& even, const uint4& odd,
                                                          int j) {
    return __byte_perm(word(even, j / 2), word(odd, j / 2), j % 2 == 0 ? 0x5410 : 0x7632);
  }
  static __device__ __forceinline__ std::uint32_t word(const uint4& bits, int i) {
    if (i == 0) return bits.x;
    if (i == 1) return bits.y;
    return i == 2 ? bits.z : bits.w;
  }

  int num_stored_;
  int num_tokens_;
  uint4 keys_[4][kChunks];
  uint4 values_[8][kPieces];
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
  SoftmaxFold fold{0.0F, -INFINITY, 0.0F};
  for (int tile = 0; tile < num_tiles; ++tile) {
    const float next = fmaxf(fold.maximum, shared.maxima[tile][head]);
    const float shrink = exp2f(fold.maximum - next);  // first tile: exp2(-inf) = 0
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
