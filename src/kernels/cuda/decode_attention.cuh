// The attention phase of decode_step.cu: QK norm, RoPE, the KV write and the attention itself, a
// segment of one row and KV head at a time (attention_segment.cuh).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/decode_state.cuh"
#include "kernels/cuda/head.cuh"

namespace penstock::kernels::cuda {

inline constexpr int kSegmentTokens = kTilesPerSegment * kKvBlockTokens;

// A segment of one row and KV head.
struct Segment {
  int row;
  int kv_head;
  int index;
  int count;     // of the row
  int position;  // of the row's newest token
};

__device__ __forceinline__ int checked_position(const DecodeStepArgs& args, int row) {
  const int position = args.positions[row];
  const int limit = args.max_blocks * kKvBlockTokens;
  return position < limit && position < args.num_positions ? position : -1;
}

// Item `index` of this step's attention, rows ascending; count 0 past the end.
__device__ __forceinline__ Segment segment_at(const Shared& shared, int index) {
  const int kv_heads = shared.plan.args.shape.num_kv_heads;
  for (int row = 0; row < shared.plan.args.num_rows; ++row) {
    const int position = shared.positions[row];
    const int count = position < 0 ? 0 : (position / kSegmentTokens) + 1;
    const int items = count * kv_heads;
    if (index < items) return {row, index % kv_heads, index / kv_heads, count, position};
    index -= items;
  }
  return {};
}

// Query heads, and in the newest segment the key and value, from the QKV product: one warp each.
template <int head_dim>
__device__ __forceinline__ void prepare_heads(const Step& step, const DecodeLayer& layer,
                                              const Segment& segment, int group,
                                              std::uint16_t* new_key,
                                              SegmentShared<head_dim>& shared) {
  const DecodeStepArgs& args = step.args;
  const std::uint16_t* row =
      args.scratch.qkv + (static_cast<std::size_t>(segment.row) * args.shape.qkv_dim());
  const float* angles = args.rope_table + (static_cast<std::size_t>(segment.position) * head_dim);
  const int num_heads = new_key != nullptr ? group + 2 : group;
  for (int i = step.warp; i < num_heads; i += kComputeWarps) {
    if (i < group) {
      const int head = (segment.kv_head * group) + i;
      store_head<head_dim>(prepared_head<head_dim>(row + (head * head_dim), layer.q_norm,
                                                   args.epsilon, angles, step.lane),
                           shared.queries[i], step.lane);
    } else if (i == group) {
      const int head = args.shape.num_q_heads + segment.kv_head;
      const Head<head_dim> key = prepared_head<head_dim>(row + (head * head_dim), layer.k_norm,
                                                         args.epsilon, angles, step.lane);
      store_head<head_dim>(key, shared.key, step.lane);
      store_head<head_dim>(key, new_key, step.lane);
    } else {
      const int head = args.shape.num_q_heads + args.shape.num_kv_heads + segment.kv_head;
      const Head<head_dim> value = load_head<head_dim>(row + (head * head_dim), step.lane);
      store_head<head_dim>(value, shared.value, step.lane);
      store_head<head_dim>(
          value,
          new_key + (static_cast<std::size_t>(args.shape.num_kv_heads) * kKvBlockTokens * head_dim),
          step.lane);
    }
  }
}

// The segment's sums go to memory; the block that finishes a row's last one folds them.
template <int head_dim>
__device__ __forceinline__ void finish_segment(Step& step, const Segment& segment, int group,
                                               const SegmentShared<head_dim>& shared) {
  const DecodeStepArgs& args = step.args;
  const int num_segments = (args.max_blocks + kTilesPerSegment - 1) / kTilesPerSegment;
  const auto partial_of = [&](int index, int q_head) {
    const std::size_t at =
        ((static_cast<std::size_t>(segment.row) * num_segments + index) * args.shape.num_q_heads) +
        q_head;
    return args.scratch.partials + (at * (head_dim + 2));
  };
  const auto out_of = [&](int q_head) {
    return args.scratch.attended +
           (((static_cast<std::size_t>(segment.row) * args.shape.num_q_heads) + q_head) * head_dim);
  };
  const int last_token = segment.position - (segment.index * kSegmentTokens);
  const int num_tiles =
      last_token >= kSegmentTokens ? kTilesPerSegment : (last_token / kKvBlockTokens) + 1;
  for (int i = static_cast<int>(threadIdx.x); i < group * head_dim; i += kComputeThreads) {
    const int q_head = (segment.kv_head * group) + (i / head_dim);
    const int dim = i % head_dim;
    const SoftmaxFold fold = fold_tiles<head_dim>(shared, group, i / head_dim, dim, num_tiles);
    if (segment.count == 1) {
      out_of(q_head)[dim] = float_to_bf16(fold.sum / fold.total);
      continue;
    }
    float* partial = partial_of(segment.index, q_head);
    partial[dim] = fold.sum;
    if (dim == 0) {
      partial[head_dim] = fold.maximum;
      partial[head_dim + 1] = fold.total;
    }
  }
  if (segment.count == 1) return;

  std::uint32_t* finished =
      args.scratch.sync + 2 + (segment.row * args.shape.num_kv_heads) + segment.kv_head;
  sync_compute();
  if (threadIdx.x == 0) {
    __threadfence();
    const std::uint32_t before = atomicAdd(finished, 1U);
    step.shared.is_last = before + 1 == static_cast<std::uint32_t>(segment.count) ? 1U : 0U;
    __threadfence();
  }
  sync_compute();
  if (step.shared.is_last == 0) return;
  if (threadIdx.x == 0) *finished = 0;
  for (int i = static_cast<int>(threadIdx.x); i < group * head_dim; i += kComputeThreads) {
    const int q_head = (segment.kv_head * group) + (i / head_dim);
    const int dim = i % head_dim;
    SoftmaxFold fold{0.0F, -INFINITY, 0.0F};
#pragma unroll 4
    for (int index = 0; index < segment.count; ++index) {
      const float* partial = partial_of(index, q_head);
      fold_segment(fold, {__ldcg(partial + dim), __ldcg(partial + head_dim),
                          __ldcg(partial + head_dim + 1)});
    }
    out_of(q_head)[dim] = float_to_bf16(fold.sum / fold.total);
  }
}

// Where a segment's tile of this warp begins, and the newest key's place when it is in the segment.
struct TilePlace {
  const std::uint16_t* keys;
  std::uint16_t* new_key;
  int num_stored;
  int num_tokens;
};
template <int head_dim>
__device__ __forceinline__ TilePlace place_of(const Step& step, const KvShape& kv,
                                              const Segment& segment, int layer) {
  const DecodeStepArgs& args = step.args;
  const int first = (segment.index * kSegmentTokens) + (step.warp * kKvBlockTokens);
  const int left = segment.position + 1 - first;  // positions from the tile's first on
  const std::uint32_t* blocks =
      args.block_tables + (static_cast<std::size_t>(segment.row) * args.max_blocks);
  TilePlace place{args.kv_pool, nullptr, 0, 0};
  if (segment.count > 0 && left > 0) {
    place.keys += kv_key_offset(kv, blocks[first / kKvBlockTokens], layer, segment.kv_head);
    place.num_tokens = left < kKvBlockTokens ? left : kKvBlockTokens;
    place.num_stored = left > kKvBlockTokens ? kKvBlockTokens : left - 1;
  }
  if (segment.index + 1 == segment.count) {
    place.new_key =
        args.kv_pool +
        kv_key_offset(kv, blocks[segment.position / kKvBlockTokens], layer, segment.kv_head) +
        (static_cast<std::size_t>(segment.position % kKvBlockTokens) * head_dim);
  }
  return place;
}

// Ends the QKV phase too: the loads of the past start before the barrier. All of a row's segments
// are folded by the block that finishes last; the phase's own barrier is the caller's.
template <int head_dim>
__device__ __forceinline__ void run_attention(Step& step, int layer) {
  const DecodeShape& shape = step.args.shape;
  auto& shared = *reinterpret_cast<SegmentShared<head_dim>*>(step.shared.scratch);
  const KvShape kv{shape.num_layers, shape.num_kv_heads, head_dim};
  const int group = shape.num_q_heads / shape.num_kv_heads;
  const float scale = (1.0F / sqrtf(static_cast<float>(head_dim))) * kLog2E;
  bool is_first = true;
  for (int index = static_cast<int>(blockIdx.x);; index += static_cast<int>(gridDim.x)) {
    const Segment segment = segment_at(step.shared, index);
    if (segment.count == 0 && !is_first) return;
    const TilePlace place = place_of<head_dim>(step, kv, segment, layer);
    SegmentTile<head_dim> work(place.keys, kv_value_distance(kv), place.num_stored,
                               place.num_tokens);
    if (is_first) sync_grid(step);
    is_first = false;
    if (segment.count == 0) return;
    prepare_heads<head_dim>(step, step.shared.layers[layer], segment, group, place.new_key, shared);
    sync_compute();
    work.attend(shared, group, scale);
    sync_compute();
    finish_segment<head_dim>(step, segment, group, shared);
    sync_compute();  // the next item's queries come where this one's sums are read
  }
}

}  // namespace penstock::kernels::cuda
