// One segment (256 positions) of one KV head for its group of query heads, on tensor cores: what
// paged_attention.cu and decode_attention.cu share. Eight warps, each a tile of 32 positions.
//
//   scores  A = queries (rows: heads), B = keys (columns: positions); fragments straight from
//           memory as mma.cuh says.
//   output  A = weights p, whose fragments are the scores' accumulators as they lie; B = values, by
//           transposing loads from shared memory.
//
// `load` starts the loads of keys (to registers) and values (to shared memory), which need nothing
// of the step at hand: it may come before the queries are there. Then the caller's preparation and
// a barrier, then attend, which ends with every tile's sums in shared memory; the next load may
// follow; another barrier, and fold_tiles. What is executed once, after the wait for the queries,
// is short: instructions come from memory too.
#pragma once

#include <cstdint>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/cp_async.cuh"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/mma.cuh"

namespace penstock::kernels::cuda {

inline constexpr int kTilesPerSegment = 8;
inline constexpr int kAttentionThreads = 32 * kTilesPerSegment;
inline constexpr int kMaxGroup = 8;
inline constexpr float kLog2E = 1.4426950408889634F;

template <int head_dim>
struct SegmentShared {
  static constexpr int kPieces = head_dim / 8;              // of 16 bytes
  uint4 values[kTilesPerSegment][kKvBlockTokens][kPieces];  // piece_at says where a piece is
  alignas(16) std::uint16_t queries[kMaxGroup][head_dim];
  alignas(16) std::uint16_t key[head_dim];    // of the newest position, when it is not in the pool
  alignas(16) std::uint16_t value[head_dim];  // likewise
  float maxima[kTilesPerSegment][kMaxGroup];  // each tile's own
  float totals[kTilesPerSegment][kMaxGroup];
  float sums[2];  // [kTilesPerSegment][group][head_dim]

  // Eight neighbouring positions have the same piece in different banks.
  static __device__ __forceinline__ int piece_at(int position, int piece) {
    return piece ^ (position % 8);
  }
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
  __device__ __forceinline__ void load(SegmentShared<head_dim>& shared, const std::uint16_t* keys,
                                       std::size_t value_distance, int num_stored, int num_tokens) {
    num_stored_ = num_stored;
    num_tokens_ = num_tokens;
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
    const auto* value_rows = reinterpret_cast<const uint4*>(keys + value_distance);
    auto& values = shared.values[threadIdx.x / 32];
#pragma unroll 4
    for (int i = lane; i < kKvBlockTokens * kPieces; i += 32) {
      const int position = i / kPieces;
      const int piece = SegmentShared<head_dim>::piece_at(position, i % kPieces);
      copy16_or_zero_async(shared_address(&values[position][piece]), value_rows + i,
                           position < num_stored);
    }
    commit_copies();
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
    __syncthreads();
    wait_copies<0>();
    if (num_tokens_ <= 0) return;
    __syncwarp();  // the other lanes' copies too
    if (num_stored_ < num_tokens_) take_newest_value(shared);
    __syncwarp();
#pragma unroll
    for (int i = 0; i < kTilesPerSegment - 1; ++i) {
      if (i < tile) maximum = fmaxf(maximum, shared.maxima[i][head]);
    }
    weigh(shared, group, maximum, scores);
  }

 private:
  static constexpr int kChunks = head_dim / 32;
  static constexpr int kPieces = SegmentShared<head_dim>::kPieces;

  // Scores in units of log2, -inf past the context. The newest position comes in here.
  __device__ __forceinline__ void score(const SegmentShared<head_dim>& shared, int group,
                                        float scale, Fragment (&scores)[4]) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int head = lane / 4;
    if (num_stored_ < num_tokens_) take_newest_key(shared);
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

  __device__ __forceinline__ void take_newest_key(const SegmentShared<head_dim>& shared) {
    const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      if ((8 * n) + (lane / 4) != num_stored_) continue;
#pragma unroll
      for (int c = 0; c < kChunks; ++c) {
        keys_[n][c] = reinterpret_cast<const uint4*>(shared.key)[(4 * c) + (lane % 4)];
      }
    }
  }

  __device__ __forceinline__ void take_newest_value(SegmentShared<head_dim>& shared) const {
    const auto piece = static_cast<int>(threadIdx.x % 32);
    if (piece >= kPieces) return;
    auto& row = shared.values[threadIdx.x / 32][num_stored_];
    row[SegmentShared<head_dim>::piece_at(num_stored_, piece)] =
        reinterpret_cast<const uint4*>(shared.value)[piece];
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
    float* sums = shared.sums + (((tile * group) + head) * head_dim) + (lane % 4 * 2);
    const auto& row = shared.values[tile][lane];
#pragma unroll 4
    for (int piece = 0; piece < kPieces; ++piece) {
      const uint4 values =
          load_transposed(shared_address(&row[SegmentShared<head_dim>::piece_at(lane, piece)]));
      Fragment out{};
      multiply(out, weights[0], 0, weights[1], 0, values.x, values.y);
      multiply(out, weights[2], 0, weights[3], 0, values.z, values.w);
      if (head < group) {
        *reinterpret_cast<float2*>(sums + (8 * piece)) = make_float2(out.c[0], out.c[1]);
      }
    }
  }

  // Four 8 x 8 matrices, lane l the address of row l: of 32 positions the same 8 dims. As B
  // fragments: dim g, positions 2t and 2t + 1 of each eight.
  static __device__ __forceinline__ uint4 load_transposed(std::uint32_t from) {
    uint4 bits;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w)
                 : "r"(from)
                 : "memory");
    return bits;
  }

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
  // Tiles that are not there shrink nothing and add zeros: no branch keeps the loads and the
  // exponentials from running side by side.
  SoftmaxFold fold{0.0F, -INFINITY, 0.0F};
#pragma unroll
  for (int tile = 0; tile < kTilesPerSegment; ++tile) {
    const bool is_there = tile < num_tiles;
    const float* sum = shared.sums + (((tile * group) + head) * head_dim) + dim;
    const float next = is_there ? fmaxf(fold.maximum, shared.maxima[tile][head]) : fold.maximum;
    const float shrink = exp2f(fold.maximum - next);  // first tile: exp2(-inf) = 0
    fold.total = fmaf(fold.total, shrink, is_there ? shared.totals[tile][head] : 0.0F);
    fold.sum = fmaf(fold.sum, shrink, is_there ? *sum : 0.0F);
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
