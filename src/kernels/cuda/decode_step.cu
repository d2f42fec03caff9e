// The phases are functions over one `Step`, the state of a computing thread; not inlined, because
// one function of all of them spills registers where each alone does not. What a phase reads from
// memory that other blocks wrote in the phase before is loaded past L1 (__ldcg).
#include "kernels/cuda/decode_step.h"

#include "kernels/cuda/attention_segment.cuh"
#include "kernels/cuda/head.cuh"
#include "kernels/cuda/weight_stream.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = kComputeThreads + 32;  // the last warp copies
constexpr int kSumStride = 34;   // floats between two rows of partial sums: two tiles and a pad
constexpr int kGroupChunks = 8;  // chunks of a warp whose activations are in registers at once
constexpr int kSegmentTokens = kTilesPerSegment * kKvBlockTokens;
constexpr int kScratchBytes = 36 * 1024;

static_assert(kDecodeMaxDim == kGroupChunks * kComputeWarps * kPanelChunk);
static_assert(kAttentionThreads == kComputeThreads);
static_assert(segment_shared_bytes<128>(kMaxGroup) + 16 <= kScratchBytes);
static_assert(kComputeWarps * kDecodeMaxRows * kSumStride * 4 <= kScratchBytes);

struct Shared {
  Ring ring;
  alignas(16) std::uint8_t scratch[kScratchBytes];  // partial sums, or attention
  float squares[kComputeWarps][kDecodeMaxRows];
  std::uint32_t is_last;
};
static_assert(sizeof(Shared) <= 227 * 1024);

__device__ __forceinline__ void sync_compute() {
  sync_attention();  // the same sixteen warps
}

__device__ __forceinline__ std::uint32_t load_acquire(const std::uint32_t* from) {
  std::uint32_t value = 0;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
  return value;
}

// State of one computing thread.
struct Step {
  const DecodeStepArgs& args;
  Shared& shared;
  int warp;
  int lane;
  RingPosition at;
  Deal deal;
  std::uint32_t barriers_passed = 0;
};

// All computing threads of all blocks; what was written before it can be read after it.
__device__ __forceinline__ void sync_grid(Step& step) {
  sync_compute();
  ++step.barriers_passed;
  if (threadIdx.x == 0) {
    std::uint32_t* count = step.args.scratch.sync;
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(count) : "memory");
    const std::uint32_t wanted = step.barriers_passed * gridDim.x;
    while (load_acquire(count) < wanted) {
    }
  }
  sync_compute();
}

// Activations of this warp's chunks, as B fragments: row 8 i + lane / 4, 8 values from 8 (lane %
// 4).
template <int m_tiles>
struct Activations {
  uint4 x[kGroupChunks][m_tiles];
};

// 16 bytes of a row of the residual stream; before the first layer wrote it, of the embedding.
__device__ __forceinline__ uint4 load_residual(const Step& step, bool is_first, int row, int k) {
  const DecodeStepArgs& args = step.args;
  if (!is_first) {
    return __ldcg(reinterpret_cast<const uint4*>(
        args.scratch.residual + (static_cast<std::size_t>(row) * args.shape.dim) + k));
  }
  const std::uint32_t token = args.token_ids[row];
  if (token >= static_cast<std::uint32_t>(args.shape.vocab_size)) {
    constexpr std::uint32_t kTwoNans = 0x7FC07FC0U;
    return make_uint4(kTwoNans, kTwoNans, kTwoNans, kTwoNans);
  }
  return __ldg(
      reinterpret_cast<const uint4*>(args.embedding + panel_offset(token, k, args.shape.dim)));
}

// The residual rows, normed; the sum of squares in rms_norm.cu's order.
template <int m_tiles>
__device__ __forceinline__ Activations<m_tiles> load_normed(Step& step, bool is_first,
                                                            const std::uint16_t* weight) {
  const int dim = step.args.shape.dim;
  const int num_chunks = dim / kPanelChunk;
  Activations<m_tiles> act;
  float squares[m_tiles] = {};
#pragma unroll
  for (int j = 0; j < kGroupChunks; ++j) {
    const int chunk = (j * kComputeWarps) + step.warp;
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) {
      const int row = (8 * i) + (step.lane / 4);
      act.x[j][i] = make_uint4(0, 0, 0, 0);
      if (chunk < num_chunks && row < step.args.num_rows) {
        act.x[j][i] =
            load_residual(step, is_first, row, (chunk * kPanelChunk) + (step.lane % 4 * 8));
      }
    }
  }
#pragma unroll
  for (int j = 0; j < kGroupChunks; ++j) {
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) {
      const Float8 values = unpack8(act.x[j][i]);
      float sum = 0.0F;
#pragma unroll
      for (int e = 0; e < 8; ++e) sum = fmaf(values.value[e], values.value[e], sum);
      squares[i] += sum;
    }
  }
#pragma unroll
  for (int i = 0; i < m_tiles; ++i) {
    squares[i] += __shfl_xor_sync(0xFFFFFFFFU, squares[i], 1);
    squares[i] += __shfl_xor_sync(0xFFFFFFFFU, squares[i], 2);
    if (step.lane % 4 == 0) step.shared.squares[step.warp][(8 * i) + (step.lane / 4)] = squares[i];
  }
  sync_compute();
  float scale[m_tiles];
#pragma unroll
  for (int i = 0; i < m_tiles; ++i) {
    const int row = (8 * i) + (step.lane / 4);
    float sum = step.shared.squares[0][row];
#pragma unroll
    for (int warp = 1; warp < kComputeWarps; ++warp) sum += step.shared.squares[warp][row];
    scale[i] = 1.0F / sqrtf((sum / static_cast<float>(dim)) + step.args.epsilon);
  }
#pragma unroll
  for (int j = 0; j < kGroupChunks; ++j) {
    const int chunk = (j * kComputeWarps) + step.warp;
    if (chunk >= num_chunks) continue;
    const Float8 factors = unpack8(__ldg(
        reinterpret_cast<const uint4*>(weight + (chunk * kPanelChunk) + (step.lane % 4 * 8))));
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) {
      Float8 values = unpack8(act.x[j][i]);
#pragma unroll
      for (int e = 0; e < 8; ++e) values.value[e] = values.value[e] * scale[i] * factors.value[e];
      act.x[j][i] = pack8(values);
    }
  }
  return act;
}

// Chunks first_group + 0 .. 7 (of this warp) of rows [num_rows, num_inputs].
template <int m_tiles>
__device__ __forceinline__ void load_rows(const Step& step, const std::uint16_t* rows,
                                          int num_chunks, int first_group,
                                          Activations<m_tiles>& act) {
#pragma unroll
  for (int j = 0; j < kGroupChunks; ++j) {
    const int chunk = ((first_group + j) * kComputeWarps) + step.warp;
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) {
      const int row = (8 * i) + (step.lane / 4);
      act.x[j][i] = make_uint4(0, 0, 0, 0);
      if (chunk < num_chunks && row < step.args.num_rows) {
        act.x[j][i] = __ldcg(reinterpret_cast<const uint4*>(
            rows + (static_cast<std::size_t>(row) * num_chunks * kPanelChunk) +
            (chunk * kPanelChunk) + (step.lane % 4 * 8)));
      }
    }
  }
}

// Waits for the next stage and multiplies this warp's chunk of it.
template <int m_tiles>
__device__ __forceinline__ void multiply_stage(Step& step, bool has_chunk,
                                               const uint4 (&x)[m_tiles],
                                               Fragment (&acc)[m_tiles]) {
  Ring& ring = step.shared.ring;
  wait_mbarrier(&ring.full[step.at.stage], step.at.parity);
  if (has_chunk) {
    const auto* chunk =
        reinterpret_cast<const uint4*>(ring.stages[step.at.stage] + (step.warp * kPanelChunkBytes));
    const uint4 low = chunk[step.lane];
    const uint4 high = chunk[32 + step.lane];
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) multiply_chunk(acc[i], low, high, x[i]);
  }
  __syncwarp();
  if (step.lane == 0) arrive_mbarrier(&ring.empty[step.at.stage]);
  step.at.advance();
}

template <int m_tiles>
__device__ __forceinline__ void store_partial(const Step& step, int tile,
                                              const Fragment (&acc)[m_tiles]) {
  float* sums = reinterpret_cast<float*>(step.shared.scratch);
#pragma unroll
  for (int i = 0; i < m_tiles; ++i) {
    // c[0], c[1]: weight row g, rows 2t and 2t + 1 of x; c[2], c[3]: weight row g + 8.
    const int row = (8 * i) + (step.lane % 4 * 2);
    float* at = sums + (((step.warp * m_tiles * 8) + row) * kSumStride) + (tile * kPanelRows) +
                (step.lane / 4);
    if (row < step.args.num_rows) {
      at[0] = acc[i].c[0];
      at[8] = acc[i].c[2];
    }
    if (row + 1 < step.args.num_rows) {
      at[kSumStride] = acc[i].c[1];
      at[kSumStride + 8] = acc[i].c[3];
    }
  }
}

// Slices ascending: output `column` of the item for row `row` of x.
template <int m_tiles>
__device__ __forceinline__ float add_slices(const Step& step, int row, int column) {
  const float* at =
      reinterpret_cast<const float*>(step.shared.scratch) + (row * kSumStride) + column;
  float sum = at[0];
#pragma unroll
  for (int slice = 1; slice < kComputeWarps; ++slice) {
    sum += at[slice * m_tiles * 8 * kSumStride];
  }
  return sum;
}

// The product with one matrix. `act` holds the first kGroupChunks chunks of this warp; when there
// are more, load_group(first_group, act) fetches any eight. write(item, tiles_per_item) takes the
// finished sums of an item from add_slices.
template <int m_tiles, class LoadGroup, class Write>
__device__ __forceinline__ void multiply_matrix(Step& step, const Matrix& matrix,
                                                Activations<m_tiles>& act, LoadGroup load_group,
                                                Write write) {
  const int num_items = matrix.num_tiles / matrix.tiles_per_item;
  const int num_groups = (matrix.num_chunks + kComputeWarps - 1) / kComputeWarps;
  const bool in_pairs = matrix.tiles_per_item == 2;
  for (int item = step.deal.first(); item < num_items; item += static_cast<int>(gridDim.x)) {
    Fragment acc[2][m_tiles] = {};
    for (int group = 0; group < num_groups; group += kGroupChunks) {
      load_group(group, act);
#pragma unroll
      for (int j = 0; j < kGroupChunks; ++j) {
        if (group + j >= num_groups) break;
        const bool has_chunk = ((group + j) * kComputeWarps) + step.warp < matrix.num_chunks;
        multiply_stage<m_tiles>(step, has_chunk, act.x[j], acc[0]);
        if (in_pairs) multiply_stage<m_tiles>(step, has_chunk, act.x[j], acc[1]);
      }
    }
    sync_compute();  // the sums of the item before are read
    store_partial<m_tiles>(step, 0, acc[0]);
    if (in_pairs) store_partial<m_tiles>(step, 1, acc[1]);
    sync_compute();
    write(item, matrix.tiles_per_item);
  }
  step.deal.next(matrix);
}

// One thread an output of the item; `store(row, n, sum)`.
template <int m_tiles, class Store>
__device__ __forceinline__ void for_outputs(const Step& step, int item, int tiles_per_item,
                                            Store store) {
  const int columns = tiles_per_item * kPanelRows;
  const int row = static_cast<int>(threadIdx.x) / columns;
  const int column = static_cast<int>(threadIdx.x) % columns;
  if (row >= step.args.num_rows) return;
  store(row, (item * columns) + column, add_slices<m_tiles>(step, row, column));
}

template <int m_tiles>
__device__ __noinline__ void run_qkv(Step& step, const DecodeLayer& layer, bool is_first) {
  Activations<m_tiles> act = load_normed<m_tiles>(step, is_first, layer.attention_norm);
  const DecodeStepArgs& args = step.args;
  multiply_matrix<m_tiles>(
      step, matrix_of(args.shape, kQkv), act, [](int, Activations<m_tiles>&) {},
      [&](int item, int tiles) {
        for_outputs<m_tiles>(step, item, tiles, [&](int row, int n, float sum) {
          args.scratch.qkv[(static_cast<std::size_t>(row) * args.shape.qkv_dim()) + n] =
              float_to_bf16(sum);
        });
      });
}

// residual += bf16(rows x matrix)
template <int m_tiles>
__device__ __noinline__ void run_to_residual(Step& step, MatrixName name, const std::uint16_t* rows,
                                             bool is_first) {
  const DecodeStepArgs& args = step.args;
  const Matrix matrix = matrix_of(args.shape, name);
  Activations<m_tiles> act;
  const bool fits = matrix.num_chunks <= kGroupChunks * kComputeWarps;
  if (fits) load_rows<m_tiles>(step, rows, matrix.num_chunks, 0, act);
  multiply_matrix<m_tiles>(
      step, matrix, act,
      [&](int group, Activations<m_tiles>& more) {
        if (!fits) load_rows<m_tiles>(step, rows, matrix.num_chunks, group, more);
      },
      [&](int item, int tiles) {
        for_outputs<m_tiles>(step, item, tiles, [&](int row, int n, float sum) {
          std::uint16_t* at =
              args.scratch.residual + (static_cast<std::size_t>(row) * args.shape.dim) + n;
          std::uint16_t before = *at;
          if (is_first) {
            const std::uint32_t token = args.token_ids[row];
            before = token < static_cast<std::uint32_t>(args.shape.vocab_size)
                         ? args.embedding[panel_offset(token, n, args.shape.dim)]
                         : std::uint16_t{0x7FC0};
          }
          const float added = bf16_to_float(float_to_bf16(sum));
          *at = float_to_bf16(bf16_to_float(before) + added);
        });
      });
}

template <int m_tiles>
__device__ __noinline__ void run_gate_up(Step& step, const DecodeLayer& layer) {
  Activations<m_tiles> act = load_normed<m_tiles>(step, false, layer.ffn_norm);
  const DecodeStepArgs& args = step.args;
  multiply_matrix<m_tiles>(
      step, matrix_of(args.shape, kGateUp), act, [](int, Activations<m_tiles>&) {},
      [&](int item, int) {
        const int row = static_cast<int>(threadIdx.x) / kPanelRows;
        const int column = static_cast<int>(threadIdx.x) % kPanelRows;
        if (row >= args.num_rows) return;
        const float gate = bf16_to_float(float_to_bf16(add_slices<m_tiles>(step, row, column)));
        const float up =
            bf16_to_float(float_to_bf16(add_slices<m_tiles>(step, row, kPanelRows + column)));
        args.scratch.activated[(static_cast<std::size_t>(row) * args.shape.inner) +
                               (item * kPanelRows) + column] =
            float_to_bf16(gate / (1.0F + expf(-gate)) * up);
      });
}

template <int m_tiles>
__device__ __noinline__ void run_head(Step& step, bool is_first) {
  Activations<m_tiles> act = load_normed<m_tiles>(step, is_first, step.args.final_norm);
  const DecodeStepArgs& args = step.args;
  multiply_matrix<m_tiles>(
      step, matrix_of(args.shape, kHead), act, [](int, Activations<m_tiles>&) {},
      [&](int item, int tiles) {
        for_outputs<m_tiles>(step, item, tiles, [&](int row, int n, float sum) {
          args.logits[(static_cast<std::size_t>(row) * args.shape.vocab_size) + n] = sum;
        });
      });
}

// A segment of one row and KV head.
struct Segment {
  int row;
  int kv_head;
  int index;
  int count;     // of the row
  int position;  // of the row's newest token
};

__device__ __forceinline__ int position_of(const DecodeStepArgs& args, int row) {
  const int position = args.positions[row];
  const int limit = args.max_blocks * kKvBlockTokens;
  return position < limit && position < args.num_positions ? position : -1;
}

// Item `index` of this step's attention, rows ascending; count 0 past the end.
__device__ __forceinline__ Segment segment_at(const DecodeStepArgs& args, int index) {
  for (int row = 0; row < args.num_rows; ++row) {
    const int position = position_of(args, row);
    const int count = position < 0 ? 0 : (position / kSegmentTokens) + 1;
    const int items = count * args.shape.num_kv_heads;
    if (index < items) {
      return {row, index % args.shape.num_kv_heads, index / args.shape.num_kv_heads, count,
              position};
    }
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
  if (step.warp < group) {
    const int head = (segment.kv_head * group) + step.warp;
    store_head<head_dim>(prepared_head<head_dim>(row + (head * head_dim), layer.q_norm,
                                                 args.epsilon, angles, step.lane),
                         shared.queries[step.warp], step.lane);
  } else if (new_key != nullptr && step.warp == kMaxGroup) {
    const int head = args.shape.num_q_heads + segment.kv_head;
    const Head<head_dim> key = prepared_head<head_dim>(row + (head * head_dim), layer.k_norm,
                                                       args.epsilon, angles, step.lane);
    store_head<head_dim>(key, shared.key, step.lane);
    store_head<head_dim>(key, new_key, step.lane);
  } else if (new_key != nullptr && step.warp == kMaxGroup + 1) {
    const int head = args.shape.num_q_heads + args.shape.num_kv_heads + segment.kv_head;
    const Head<head_dim> value = load_head<head_dim>(row + (head * head_dim), step.lane);
    store_head<head_dim>(value, shared.value, step.lane);
    store_head<head_dim>(
        value,
        new_key + (static_cast<std::size_t>(args.shape.num_kv_heads) * kKvBlockTokens * head_dim),
        step.lane);
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

template <int head_dim>
__device__ __noinline__ void run_attention(Step& step, const DecodeLayer& layer, int layer_index) {
  const DecodeStepArgs& args = step.args;
  auto& shared = *reinterpret_cast<SegmentShared<head_dim>*>(step.shared.scratch);
  const KvShape kv{args.shape.num_layers, args.shape.num_kv_heads, head_dim};
  const int group = args.shape.num_q_heads / args.shape.num_kv_heads;
  const float scale = (1.0F / sqrtf(static_cast<float>(head_dim))) * kLog2E;
  for (int index = static_cast<int>(blockIdx.x);; index += static_cast<int>(gridDim.x)) {
    const Segment segment = segment_at(args, index);
    if (segment.count == 0) return;
    const int tile = step.warp / 2;
    const int first = (segment.index * kSegmentTokens) + (tile * kKvBlockTokens);
    const int left = segment.position + 1 - first;  // positions from the tile's first on
    const int num_tokens = left < 0 ? 0 : (left < kKvBlockTokens ? left : kKvBlockTokens);
    const int num_stored = left > kKvBlockTokens ? kKvBlockTokens : (left > 0 ? left - 1 : 0);
    const std::uint32_t* blocks =
        args.block_tables + (static_cast<std::size_t>(segment.row) * args.max_blocks);
    const std::size_t block = num_tokens > 0 ? blocks[first / kKvBlockTokens] : 0;
    SegmentTile<head_dim> work(
        args.kv_pool + kv_key_offset(kv, block, layer_index, segment.kv_head),
        kv_value_distance(kv), num_stored, num_tokens);
    std::uint16_t* new_key = nullptr;
    if (segment.index + 1 == segment.count) {
      new_key = args.kv_pool +
                kv_key_offset(kv, blocks[segment.position / kKvBlockTokens], layer_index,
                              segment.kv_head) +
                (static_cast<std::size_t>(segment.position % kKvBlockTokens) * head_dim);
    }
    prepare_heads<head_dim>(step, layer, segment, group, new_key, shared);
    sync_compute();
    work.attend(shared, group, scale);
    sync_compute();
    finish_segment<head_dim>(step, segment, group, shared);
    sync_compute();  // the next item's queries come where this one's sums are read
  }
}

template <int m_tiles, int head_dim>
__device__ __forceinline__ void compute(Step& step) {
  const DecodeStepArgs& args = step.args;
  for (int i = 0; i < args.shape.num_layers; ++i) {
    const DecodeLayer& layer = args.layers[i];
    run_qkv<m_tiles>(step, layer, i == 0);
    sync_grid(step);
    run_attention<head_dim>(step, layer, i);
    sync_grid(step);
    run_to_residual<m_tiles>(step, kOut, args.scratch.attended, i == 0);
    sync_grid(step);
    run_gate_up<m_tiles>(step, layer);
    sync_grid(step);
    run_to_residual<m_tiles>(step, kDown, args.scratch.activated, false);
    sync_grid(step);
  }
  run_head<m_tiles>(step, args.shape.num_layers == 0);
}

// The copying thread: all of this block's weights, in order.
__device__ __forceinline__ void copy(const DecodeStepArgs& args, Ring& ring) {
  Deal deal;
  RingPosition at;
  const auto stream = [&](MatrixName name, const std::uint16_t* panels) {
    const Matrix matrix = matrix_of(args.shape, name);
    stream_matrix(matrix, panels, deal, ring, at);
    deal.next(matrix);
  };
  for (int i = 0; i < args.shape.num_layers; ++i) {
    const DecodeLayer& layer = args.layers[i];
    stream(kQkv, layer.qkv);
    stream(kOut, layer.out);
    stream(kGateUp, layer.gate_up);
    stream(kDown, layer.down);
  }
  stream(kHead, args.head);
}

template <int m_tiles, int head_dim>
__global__ void __launch_bounds__(kNumThreads, 1)
    decode_kernel(const __grid_constant__ DecodeStepArgs args) {
  extern __shared__ __align__(128) std::uint8_t bytes[];
  Shared& shared = *reinterpret_cast<Shared*>(bytes);
  if (threadIdx.x == 0) init_ring(shared.ring);
  __syncthreads();
  if (threadIdx.x >= kComputeThreads) {
    if (threadIdx.x == kComputeThreads) copy(args, shared.ring);
  } else {
    Step step{.args = args,
              .shared = shared,
              .warp = static_cast<int>(threadIdx.x / 32),
              .lane = static_cast<int>(threadIdx.x % 32),
              .at = {},
              .deal = {}};
    compute<m_tiles, head_dim>(step);
    // The last block to get here leaves the barrier as it was found: all others are past it.
    if (threadIdx.x == 0) {
      std::uint32_t* sync = args.scratch.sync;
      if (atomicAdd(sync + 1, 1U) + 1 == gridDim.x) {
        sync[0] = 0;
        sync[1] = 0;
      }
    }
  }
}

using Kernel = void (*)(DecodeStepArgs);

Kernel kernel_for(const DecodeStepArgs& args) {
  if (args.shape.head_dim == 64) {
    return args.num_rows <= 8 ? decode_kernel<1, 64> : decode_kernel<2, 64>;
  }
  return args.num_rows <= 8 ? decode_kernel<1, 128> : decode_kernel<2, 128>;
}

bool is_valid(const DecodeStepArgs& args) {
  const DecodeShape& shape = args.shape;
  if (args.num_rows < 1 || args.num_rows > kDecodeMaxRows || args.num_multiprocessors < 1 ||
      args.max_blocks < 1 || args.max_blocks > (1 << 25) || args.num_positions < 1 ||
      shape.num_layers < 1 || shape.num_kv_heads < 1 ||
      (shape.head_dim != 64 && shape.head_dim != 128) ||
      shape.num_q_heads % shape.num_kv_heads != 0 || shape.dim > kDecodeMaxDim) {
    return false;
  }
  const int group = shape.num_q_heads / shape.num_kv_heads;
  if (group != 1 && group != 2 && group != 4 && group != 8) return false;
  for (const int size : {shape.dim, shape.inner, shape.vocab_size}) {
    if (size < kPanelChunk) return false;
  }
  return shape.dim % kPanelChunk == 0 && shape.inner % kPanelChunk == 0 &&
         shape.vocab_size % kPanelRows == 0;
}

}  // namespace

cudaError_t prepare_decode_step() {
  for (const Kernel kernel :
       {decode_kernel<1, 64>, decode_kernel<2, 64>, decode_kernel<1, 128>, decode_kernel<2, 128>}) {
    const cudaError_t code =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(Shared));
    if (code != cudaSuccess) return code;
  }
  return cudaSuccess;
}

cudaError_t launch_decode_step(const DecodeStepArgs& args, cudaStream_t stream) {
  if (!is_valid(args)) return cudaErrorInvalidValue;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(args.num_multiprocessors));
  config.blockDim = dim3(kNumThreads);
  config.dynamicSmemBytes = sizeof(Shared);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel_for(args), args);
}

}  // namespace penstock::kernels::cuda
