// Blocks of eight warps, two on a multiprocessor, take runs of segments in turn
// (attention_segment.cuh): with few rows a run is one segment, so that a row spreads over many
// multiprocessors; with many it is up to eight, folded as they come, the next one's keys and values
// under way meanwhile. The first loads come before the wait for the QKV product.
#include "kernels/cuda/decode_attention.h"

#include "kernels/cuda/attention_segment.cuh"
#include "kernels/cuda/grid_dependency.cuh"
#include "kernels/cuda/head.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kSegmentTokens = kTilesPerSegment * kKvBlockTokens;
constexpr int kLongRun = 8;      // segments
constexpr int kMergeAtOnce = 8;  // segments, whose loads are under way together

template <int head_dim>
struct Shared {
  std::int32_t first_runs[kDecodeMaxRows + 1];  // of each row, counting through the batch
  std::uint32_t is_last;
  float angles[head_dim];            // of the row's position
  std::uint16_t norms[2][head_dim];  // of queries and keys
  SegmentShared<head_dim> segment;   // the last member: it goes on past its end
};
template <int head_dim>
constexpr int shared_bytes(int group) {
  return static_cast<int>(sizeof(Shared<head_dim>) - sizeof(SegmentShared<head_dim>)) +
         segment_shared_bytes<head_dim>(group);
}
static_assert(shared_bytes<128>(kMaxGroup) + 1024 <= 228 * 1024 / 2);

// Neighbouring segments of one row and KV head.
struct Run {
  int row;
  int kv_head;
  int first;
  int end;
  int num_segments;  // of the row
  int num_runs;      // of the row
  int position;      // of the row's newest token
};

__device__ __forceinline__ int checked_position(const DecodeAttentionArgs& args, int row) {
  const int position = args.positions[row];
  const int limit = args.max_blocks * kKvBlockTokens;
  return position < limit && position < args.num_positions ? position : -1;
}

// All threads; ends with a barrier. A scan over at most 256 rows, a thread each.
__device__ __forceinline__ void count_runs(const DecodeAttentionArgs& args,
                                           std::int32_t* first_runs) {
  __shared__ std::int32_t warp_totals[kAttentionThreads / 32];
  static_assert(kDecodeMaxRows <= kAttentionThreads);
  const int row = static_cast<int>(threadIdx.x);
  const int position = row < args.num_rows ? checked_position(args, row) : -1;
  int count = position < 0 ? 0 : (position / (kSegmentTokens * args.segments_per_run)) + 1;
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const int before = __shfl_up_sync(0xFFFFFFFFU, count, distance);
    if (row % 32 >= distance) count += before;
  }
  if (row % 32 == 31) warp_totals[row / 32] = count;
  __syncthreads();
  for (int warp = 0; warp < row / 32; ++warp) count += warp_totals[warp];
  first_runs[row + 1] = count;
  if (row == 0) first_runs[0] = 0;
  __syncthreads();
}

__device__ __forceinline__ Run run_at(const DecodeAttentionArgs& args,
                                      const std::int32_t* first_runs, int item) {
  const int ordinal = item / args.kv.num_kv_heads;
  int row = 0;  // the last row that begins at or before it
  int end = args.num_rows;
  while (end - row > 1) {
    const int middle = (row + end) / 2;
    if (first_runs[middle] <= ordinal) {
      row = middle;
    } else {
      end = middle;
    }
  }
  const int position = checked_position(args, row);
  const int num_segments = (position / kSegmentTokens) + 1;
  const int first = (ordinal - first_runs[row]) * args.segments_per_run;
  const int last = first + args.segments_per_run;
  return {row,          item % args.kv.num_kv_heads,
          first,        last < num_segments ? last : num_segments,
          num_segments, first_runs[row + 1] - first_runs[row],
          position};
}

// Starts the loads of this warp's tile of a segment.
template <int head_dim>
__device__ __forceinline__ void load_tile(const DecodeAttentionArgs& args, const Run& run,
                                          int segment, SegmentTile<head_dim>& tile,
                                          SegmentShared<head_dim>& shared) {
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int first = (segment * kSegmentTokens) + (warp * kKvBlockTokens);
  const int left = run.position + 1 - first;  // positions from the tile's first on
  const std::uint32_t* blocks =
      args.block_tables + (static_cast<std::size_t>(run.row) * args.max_blocks);
  const std::uint16_t* keys = args.kv_pool;
  int num_stored = 0;
  int num_tokens = 0;
  if (left > 0) {
    keys += kv_key_offset(args.kv, blocks[first / kKvBlockTokens], args.layer, run.kv_head);
    num_tokens = left < kKvBlockTokens ? left : kKvBlockTokens;
    num_stored = left > kKvBlockTokens ? kKvBlockTokens : left - 1;
  }
  tile.load(shared, keys, kv_value_distance(args.kv), num_stored, num_tokens);
}

// Where the newest key belongs; null when another run has it.
__device__ __forceinline__ std::uint16_t* new_key_of(const DecodeAttentionArgs& args,
                                                     const Run& run) {
  if (run.end < run.num_segments) return nullptr;
  const std::uint32_t block =
      args.block_tables[(static_cast<std::size_t>(run.row) * args.max_blocks) +
                        (run.position / kKvBlockTokens)];
  return args.kv_pool + kv_key_offset(args.kv, block, args.layer, run.kv_head) +
         (static_cast<std::size_t>(run.position % kKvBlockTokens) * args.kv.head_dim);
}

// What prepare_heads reads besides the product's output, while that is still being computed: all
// threads, then a barrier.
template <int head_dim>
__device__ __forceinline__ void fetch_constants(const DecodeAttentionArgs& args, int position,
                                                Shared<head_dim>& shared) {
  const auto i = static_cast<int>(threadIdx.x);
  if (i < head_dim) {
    shared.angles[i] = args.rope_table[(static_cast<std::size_t>(position) * head_dim) + i];
  }
  if (args.q_norm != nullptr && i < 2 * head_dim) {
    shared.norms[i / head_dim][i % head_dim] =
        (i < head_dim ? args.q_norm : args.k_norm)[i % head_dim];
  }
}

// Query heads, and with the newest position its key and value, from the QKV product: one warp each.
template <int head_dim>
__device__ __forceinline__ void prepare_heads(const DecodeAttentionArgs& args, const Run& run,
                                              std::uint16_t* new_key, Shared<head_dim>& shared) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int group = args.num_q_heads / args.kv.num_kv_heads;
  const std::uint16_t* row =
      args.qkv + (static_cast<std::size_t>(run.row) *
                  (args.num_q_heads + (2 * args.kv.num_kv_heads)) * head_dim);
  const int num_heads = new_key != nullptr ? group + 2 : group;
  for (int i = static_cast<int>(threadIdx.x / 32); i < num_heads; i += kTilesPerSegment) {
    int index = (run.kv_head * group) + i;  // of the row's heads
    if (i >= group) {
      index = args.num_q_heads + (i == group ? 0 : args.kv.num_kv_heads) + run.kv_head;
    }
    Head<head_dim> head = load_head<head_dim>(row + (index * head_dim), lane);
    if (i > group) {
      store_head<head_dim>(head, shared.segment.value, lane);
      store_head<head_dim>(head, new_key + kv_value_distance(args.kv), lane);
      continue;
    }
    if (args.q_norm != nullptr) {
      const std::uint16_t* norm = shared.norms[i < group ? 0 : 1];
      norm_head<head_dim>(head, norm_weights<head_dim>(norm, lane), args.epsilon);
    }
    rotate_head<head_dim>(head, shared.angles, lane);
    store_head<head_dim>(head, i < group ? shared.segment.queries[i] : shared.segment.key, lane);
    if (i == group) store_head<head_dim>(head, new_key, lane);
  }
}

__device__ __forceinline__ float* partial_of(const DecodeAttentionArgs& args, const Run& run,
                                             int segment, int q_head) {
  const int num_segments = (args.max_blocks + kTilesPerSegment - 1) / kTilesPerSegment;
  const std::size_t at =
      (((static_cast<std::size_t>(run.row) * num_segments) + segment) * args.num_q_heads) + q_head;
  return args.partials + (at * (args.kv.head_dim + 2));
}

// All threads: is this the block that finishes the row and head? What the others wrote before is
// visible then: a block's writes are before its barrier, the barrier before the release.
__device__ __forceinline__ bool finishes_row(const DecodeAttentionArgs& args, const Run& run,
                                             std::uint32_t& is_last) {
  __syncthreads();
  if (threadIdx.x == 0) {
    std::uint32_t* finished = args.finished + (run.row * args.kv.num_kv_heads) + run.kv_head;
    std::uint32_t before = 0;
    asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;"
                 : "=r"(before)
                 : "l"(finished)
                 : "memory");
    is_last = before + 1 == static_cast<std::uint32_t>(run.num_runs) ? 1U : 0U;
    if (is_last != 0) *finished = 0;
  }
  __syncthreads();
  return is_last != 0;
}

// Outputs of a row and KV head that a thread folds: thread, thread + 256, ... of [group, head_dim].
template <int head_dim>
inline constexpr int kFolds = kMaxGroup * head_dim / kAttentionThreads;

template <int head_dim>
__device__ __forceinline__ void write_out(const DecodeAttentionArgs& args, const Run& run, int i,
                                          const SoftmaxFold& fold) {
  const int group = args.num_q_heads / args.kv.num_kv_heads;
  const std::size_t head =
      (static_cast<std::size_t>(run.row) * args.num_q_heads) + (run.kv_head * group);
  args.out[(head * head_dim) + i] = float_to_bf16(fold.sum / fold.total);
}

// A row that is one run is folded as its segments come; else their sums go to memory. The loop
// stays a loop, its folds in local memory: unrolled it is most of the kernel's code.
template <int head_dim, bool has_long_runs>
__device__ __forceinline__ void finish_segment(const DecodeAttentionArgs& args, const Run& run,
                                               int segment, const Shared<head_dim>& shared,
                                               SoftmaxFold (&folds)[kFolds<head_dim>]) {
  const int group = args.num_q_heads / args.kv.num_kv_heads;
  const int last_token = run.position - (segment * kSegmentTokens);
  const int num_tiles =
      last_token >= kSegmentTokens ? kTilesPerSegment : (last_token / kKvBlockTokens) + 1;
#pragma unroll 1
  for (int o = 0; o < kFolds<head_dim>; ++o) {
    const int i = static_cast<int>(threadIdx.x) + (o * kAttentionThreads);
    if (i >= group * head_dim) break;
    const int dim = i % head_dim;
    const SoftmaxFold fold =
        fold_tiles<head_dim>(shared.segment, group, i / head_dim, dim, num_tiles);
    if (run.num_runs == 1) {
      if constexpr (has_long_runs) {
        fold_segment(folds[o], fold);
      } else {
        write_out<head_dim>(args, run, i, fold);
      }
      continue;
    }
    float* partial = partial_of(args, run, segment, (run.kv_head * group) + (i / head_dim));
    partial[dim] = fold.sum;
    if (dim == 0) {
      partial[head_dim] = fold.maximum;
      partial[head_dim + 1] = fold.total;
    }
  }
}

// One output's segments, from memory.
template <int head_dim>
__device__ __forceinline__ SoftmaxFold fold_partials(const DecodeAttentionArgs& args,
                                                     const Run& run, int q_head, int dim) {
  SoftmaxFold fold{0.0F, -INFINITY, 0.0F};
  const float* partials = partial_of(args, run, 0, q_head);
  const std::size_t distance = static_cast<std::size_t>(args.num_q_heads) * (head_dim + 2);
#pragma unroll 1
  for (int first = 0; first < run.num_segments; first += kMergeAtOnce) {
    SoftmaxFold parts[kMergeAtOnce];
#pragma unroll
    for (int j = 0; j < kMergeAtOnce; ++j) {
      parts[j] = {0.0F, -INFINITY, 0.0F};  // changes no fold
      if (first + j < run.num_segments) {
        parts[j] = {__ldcg(partials + dim), __ldcg(partials + head_dim),
                    __ldcg(partials + head_dim + 1)};
      }
      partials += distance;
    }
#pragma unroll
    for (int j = 0; j < kMergeAtOnce; ++j) fold_segment(fold, parts[j]);
  }
  return fold;
}

// The block that finishes a row's last run writes what the row attends to.
template <int head_dim, bool has_long_runs>
__device__ __forceinline__ void finish_run(const DecodeAttentionArgs& args, const Run& run,
                                           std::uint32_t& is_last,
                                           const SoftmaxFold (&folds)[kFolds<head_dim>]) {
  const int group = args.num_q_heads / args.kv.num_kv_heads;
  const bool is_whole = run.num_runs == 1;
  if (is_whole && !has_long_runs) return;
  if (!is_whole && !finishes_row(args, run, is_last)) return;
#pragma unroll 1
  for (int o = 0; o < kFolds<head_dim>; ++o) {
    const int i = static_cast<int>(threadIdx.x) + (o * kAttentionThreads);
    if (i >= group * head_dim) break;
    const int q_head = (run.kv_head * group) + (i / head_dim);
    write_out<head_dim>(
        args, run, i,
        is_whole ? folds[o] : fold_partials<head_dim>(args, run, q_head, i % head_dim));
  }
}

template <int head_dim, bool has_long_runs>
__global__ void __launch_bounds__(kAttentionThreads, 2)
    decode_attention_kernel(const __grid_constant__ DecodeAttentionArgs args) {
  extern __shared__ __align__(16) std::uint8_t bytes[];
  auto& shared = *reinterpret_cast<Shared<head_dim>*>(bytes);
  const int group = args.num_q_heads / args.kv.num_kv_heads;
  const float scale = (1.0F / sqrtf(static_cast<float>(head_dim))) * kLog2E;
  allow_next_grid();
  count_runs(args, shared.first_runs);
  const int num_items = shared.first_runs[args.num_rows] * args.kv.num_kv_heads;
  bool has_waited = false;
  for (int item = static_cast<int>(blockIdx.x); item < num_items;
       item += static_cast<int>(gridDim.x)) {
    const Run run = run_at(args, shared.first_runs, item);
    SegmentTile<head_dim> tile;
    load_tile<head_dim>(args, run, run.first, tile, shared.segment);
    std::uint16_t* const new_key = new_key_of(args, run);
    fetch_constants<head_dim>(args, run.position, shared);
    __syncthreads();
    if (!has_waited) wait_for_grid_before();
    has_waited = true;
    prepare_heads<head_dim>(args, run, new_key, shared);
    SoftmaxFold folds[kFolds<head_dim>];
#pragma unroll
    for (SoftmaxFold& fold : folds) fold = {0.0F, -INFINITY, 0.0F};
    const int end = has_long_runs ? run.end : run.first + 1;
#pragma unroll 1
    for (int segment = run.first; segment < end; ++segment) {
      __syncthreads();  // the queries are there, the sums of the segment before are read
      tile.attend(shared.segment, group, scale);
      if (segment + 1 < end) {
        load_tile<head_dim>(args, run, segment + 1, tile, shared.segment);
      }
      __syncthreads();
      finish_segment<head_dim, has_long_runs>(args, run, segment, shared, folds);
    }
    finish_run<head_dim, has_long_runs>(args, run, shared.is_last, folds);
  }
  // The grid must not end before the one before it, though no row has anything to do; blocks that
  // are left over make room for the next grid at once.
  if (blockIdx.x == 0 && !has_waited) wait_for_grid_before();
}

bool is_valid(const DecodeAttentionArgs& args) {
  const int kv_heads = args.kv.num_kv_heads;
  if (args.num_rows < 1 || args.num_rows > kDecodeMaxRows || kv_heads < 1 || args.max_blocks < 1 ||
      args.max_blocks > (1 << 25) || args.num_positions < 1 || args.layer < 0 ||
      args.layer >= args.kv.num_layers || args.num_multiprocessors < 1 ||
      args.num_q_heads % kv_heads != 0) {
    return false;
  }
  const int group = args.num_q_heads / kv_heads;
  return (args.kv.head_dim == 64 || args.kv.head_dim == 128) &&
         (group == 1 || group == 2 || group == 4 || group == 8);
}

using Kernel = void (*)(DecodeAttentionArgs);

Kernel kernel_for(int head_dim, bool has_long_runs) {
  if (head_dim == 64) {
    return has_long_runs ? decode_attention_kernel<64, true> : decode_attention_kernel<64, false>;
  }
  return has_long_runs ? decode_attention_kernel<128, true> : decode_attention_kernel<128, false>;
}

int shared_bytes_for(int head_dim, int group) {
  return head_dim == 64 ? shared_bytes<64>(group) : shared_bytes<128>(group);
}

}  // namespace

cudaError_t prepare_decode_attention() {
  for (const int head_dim : {64, 128}) {
    for (const bool has_long_runs : {false, true}) {
      const cudaError_t code = cudaFuncSetAttribute(kernel_for(head_dim, has_long_runs),
                                                    cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                    shared_bytes_for(head_dim, kMaxGroup));
      if (code != cudaSuccess) return code;
    }
  }
  return cudaSuccess;
}

cudaError_t launch_decode_attention(const DecodeAttentionArgs& asked, cudaStream_t stream) {
  if (!is_valid(asked)) return cudaErrorInvalidValue;
  DecodeAttentionArgs args = asked;
  const int group = args.num_q_heads / args.kv.num_kv_heads;
  const long long num_heads = static_cast<long long>(args.num_rows) * args.kv.num_kv_heads;
  const long long resident = 2LL * args.num_multiprocessors;
  const bool has_long_runs = 4 * num_heads >= 3 * resident;
  args.segments_per_run = has_long_runs ? kLongRun : 1;
  const int num_segments = (args.max_blocks + kTilesPerSegment - 1) / kTilesPerSegment;
  const long long most =
      num_heads * ((num_segments + args.segments_per_run - 1) / args.segments_per_run);
  return launch_overlapped(
      kernel_for(args.kv.head_dim, has_long_runs),
      {.grid = dim3(static_cast<unsigned>(most < resident ? most : resident)),
       .num_threads = kAttentionThreads,
       .shared_bytes = static_cast<std::size_t>(shared_bytes_for(args.kv.head_dim, group))},
      args, stream);
}

}  // namespace penstock::kernels::cuda
