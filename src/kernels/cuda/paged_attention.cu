// A block of eight warps per (segment, KV head, row): attention_segment.cuh. A second kernel
// merges the segments of a row.
#include "kernels/cuda/paged_attention.h"

#include "kernels/cuda/attention_segment.cuh"

namespace penstock::kernels::cuda {
namespace {

__device__ __forceinline__ int clamped_context(const PagedAttentionArgs& args, int row) {
  const int limit = args.max_blocks * kKvBlockTokens;
  const int length = args.context_lens[row];
  return length < limit ? length : limit;
}

__device__ __forceinline__ float* partial_of(const PagedAttentionArgs& args, int row, int segment,
                                             int q_head) {
  const std::size_t index =
      ((static_cast<std::size_t>(row) * num_segments(args.max_blocks) + segment) *
       args.num_q_heads) +
      q_head;
  return args.workspace + (index * (args.kv.head_dim + 2));
}

template <int head_dim>
__global__ void __launch_bounds__(kAttentionThreads) segment_kernel(PagedAttentionArgs args) {
  extern __shared__ __align__(16) std::uint8_t bytes[];
  auto& shared = *reinterpret_cast<SegmentShared<head_dim>*>(bytes);
  const int segment = static_cast<int>(blockIdx.x);
  const int kv_head = static_cast<int>(blockIdx.y);
  const int row = static_cast<int>(blockIdx.z);
  const int group = args.num_q_heads / args.kv.num_kv_heads;
  const int length = clamped_context(args, row) - (segment * kSegmentTokens);
  if (length <= 0) return;

  const int tile = static_cast<int>(threadIdx.x) / 32;
  const int left = length - (tile * kKvBlockTokens);
  const int num_tokens = left < 0 ? 0 : (left < kKvBlockTokens ? left : kKvBlockTokens);
  std::size_t block = 0;
  if (num_tokens > 0) {
    block = args.block_tables[(static_cast<std::size_t>(row) * args.max_blocks) +
                              (segment * kTilesPerSegment) + tile];
  }
  SegmentTile<head_dim> work;
  work.load(shared, args.kv_pool + kv_key_offset(args.kv, block, args.layer, kv_head),
            kv_value_distance(args.kv), num_tokens, num_tokens);
  const std::uint16_t* q =
      args.q + ((static_cast<std::size_t>(row) * args.num_q_heads + (kv_head * group)) * head_dim);
  for (int i = static_cast<int>(threadIdx.x); i < group * head_dim; i += kAttentionThreads) {
    shared.queries[i / head_dim][i % head_dim] = q[i];
  }
  __syncthreads();
  work.attend(shared, group, args.scale * kLog2E);
  __syncthreads();

  const int num_tiles =
      length < kSegmentTokens ? (length + kKvBlockTokens - 1) / kKvBlockTokens : kTilesPerSegment;
  for (int i = static_cast<int>(threadIdx.x); i < group * head_dim; i += kAttentionThreads) {
    const SoftmaxFold fold =
        fold_tiles<head_dim>(shared, group, i / head_dim, i % head_dim, num_tiles);
    float* partial = partial_of(args, row, segment, (kv_head * group) + (i / head_dim));
    partial[i % head_dim] = fold.sum;
    if (i % head_dim == 0) {
      partial[head_dim] = fold.maximum;
      partial[head_dim + 1] = fold.total;
    }
  }
}

// One block per (query head, row), one thread a dim: segments ascending.
__global__ void __launch_bounds__(128) merge_kernel(PagedAttentionArgs args) {
  const int q_head = static_cast<int>(blockIdx.x);
  const int row = static_cast<int>(blockIdx.y);
  const int head_dim = args.kv.head_dim;
  const int d = static_cast<int>(threadIdx.x);
  const int length = clamped_context(args, row);
  const int count = (length + kSegmentTokens - 1) / kSegmentTokens;
  SoftmaxFold fold{0.0F, -INFINITY, 0.0F};
#pragma unroll 4
  for (int segment = 0; segment < count; ++segment) {
    const float* partial = partial_of(args, row, segment, q_head);
    fold_segment(fold, {partial[d], partial[head_dim], partial[head_dim + 1]});
  }
  const std::size_t index =
      ((static_cast<std::size_t>(row) * args.num_q_heads + q_head) * head_dim) + d;
  args.out[index] = float_to_bf16(count > 0 ? fold.sum / fold.total : 0.0F);
}

template <int head_dim>
void launch_segments(const PagedAttentionArgs& args, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(num_segments(args.max_blocks)),
                  static_cast<unsigned>(args.kv.num_kv_heads),
                  static_cast<unsigned>(args.num_rows));
  const int num_bytes = segment_shared_bytes<head_dim>(args.num_q_heads / args.kv.num_kv_heads);
  segment_kernel<head_dim><<<grid, kAttentionThreads, num_bytes, stream>>>(args);
}

bool is_valid(const PagedAttentionArgs& args) {
  const int kv_heads = args.kv.num_kv_heads;
  if (args.num_rows < 1 || args.num_rows > 65535 || kv_heads < 1 || kv_heads > 65535 ||
      args.max_blocks < 1 || args.max_blocks > (1 << 25) || args.layer < 0 ||
      args.layer >= args.kv.num_layers || args.num_q_heads % kv_heads != 0) {
    return false;
  }
  const int group = args.num_q_heads / kv_heads;
  return (args.kv.head_dim == 64 || args.kv.head_dim == 128) &&
         (group == 1 || group == 2 || group == 4 || group == 8);
}

}  // namespace

cudaError_t prepare_paged_attention() {
  const cudaError_t code =
      cudaFuncSetAttribute(segment_kernel<64>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           segment_shared_bytes<64>(kMaxGroup));
  if (code != cudaSuccess) return code;
  return cudaFuncSetAttribute(segment_kernel<128>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              segment_shared_bytes<128>(kMaxGroup));
}

cudaError_t launch_paged_attention(const PagedAttentionArgs& args, cudaStream_t stream) {
  if (!is_valid(args)) return cudaErrorInvalidValue;
  if (args.kv.head_dim == 64) {
    launch_segments<64>(args, stream);
  } else {
    launch_segments<128>(args, stream);
  }
  if (const cudaError_t code = cudaGetLastError(); code != cudaSuccess) return code;
  const dim3 grid(static_cast<unsigned>(args.num_q_heads), static_cast<unsigned>(args.num_rows));
  merge_kernel<<<grid, args.kv.head_dim, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
