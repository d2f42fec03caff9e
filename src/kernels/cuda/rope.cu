#include "kernels/cuda/rope.h"

#include <cstddef>

#include "kernels/cuda/head.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 128;
constexpr int kNumWarps = kNumThreads / 32;

__global__ void __launch_bounds__(kNumThreads) rope_table_kernel(RopeTableArgs args) {
  const int half = args.head_dim / 2;
  const long long index = (static_cast<long long>(blockIdx.x) * kNumThreads) + threadIdx.x;
  if (index >= static_cast<long long>(args.num_positions) * half) return;
  const int position = static_cast<int>(index / half);
  const int pair = static_cast<int>(index % half);
  const float angle = static_cast<float>(position) * args.inverse_frequencies[pair];
  double sine = 0.0;
  double cosine = 0.0;
  sincos(static_cast<double>(angle), &sine, &cosine);
  float* row = args.table + (static_cast<std::size_t>(position) * args.head_dim);
  row[pair] = static_cast<float>(cosine) * args.magnitude;
  row[half + pair] = static_cast<float>(sine) * args.magnitude;
}

// One warp per (row, head): query heads, then key heads, then value heads.
template <int head_dim>
__global__ void __launch_bounds__(kNumThreads) rope_kv_write_kernel(RopeKvWriteArgs args) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int num_heads = args.num_q_heads + (2 * args.kv.num_kv_heads);
  const long long index = (static_cast<long long>(blockIdx.x) * kNumWarps) + (threadIdx.x / 32);
  if (index >= static_cast<long long>(args.num_rows) * num_heads) return;
  const int row = static_cast<int>(index / num_heads);
  const int head = static_cast<int>(index % num_heads);
  const int position = args.positions[row];
  if (position < 0 || position >= args.num_positions ||
      position >= args.max_blocks * kKvBlockTokens) {
    return;
  }
  const std::uint16_t* from = args.qkv + (static_cast<std::size_t>(index) * head_dim);
  const float* angles = args.table + (static_cast<std::size_t>(position) * head_dim);
  if (head < args.num_q_heads) {
    const std::size_t to = ((static_cast<std::size_t>(row) * args.num_q_heads) + head) * head_dim;
    store_head<head_dim>(prepared_head<head_dim>(from, args.q_norm, args.epsilon, angles, lane),
                         args.q_out + to, lane);
    return;
  }
  const int sequence = args.sequences != nullptr ? args.sequences[row] : row;
  const std::size_t block =
      args.block_tables[(static_cast<std::size_t>(sequence) * args.max_blocks) +
                        (position / kKvBlockTokens)];
  const int kv_head = (head - args.num_q_heads) % args.kv.num_kv_heads;
  std::uint16_t* key = args.kv_pool + kv_key_offset(args.kv, block, args.layer, kv_head) +
                       (static_cast<std::size_t>(position % kKvBlockTokens) * head_dim);
  if (head < args.num_q_heads + args.kv.num_kv_heads) {
    store_head<head_dim>(prepared_head<head_dim>(from, args.k_norm, args.epsilon, angles, lane),
                         key, lane);
    return;
  }
  std::uint16_t* value = key + kv_value_distance(args.kv);
#pragma unroll
  for (int i = 0; i < head_dim; i += 32) value[i + lane] = from[i + lane];
}

}  // namespace

cudaError_t launch_rope_table(const RopeTableArgs& args, cudaStream_t stream) {
  if (args.num_positions < 1 || args.head_dim < 2 || args.head_dim % 2 != 0) {
    return cudaErrorInvalidValue;
  }
  const long long count = static_cast<long long>(args.num_positions) * (args.head_dim / 2);
  rope_table_kernel<<<static_cast<unsigned>((count + kNumThreads - 1) / kNumThreads), kNumThreads,
                      0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t launch_rope_kv_write(const RopeKvWriteArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.num_q_heads < 1 || args.kv.num_kv_heads < 1 ||
      args.max_blocks < 1 || args.max_blocks > (1 << 25) || args.num_positions < 1 ||
      args.layer < 0 || args.layer >= args.kv.num_layers) {
    return cudaErrorInvalidValue;
  }
  const long long num_warps =
      static_cast<long long>(args.num_rows) * (args.num_q_heads + (2 * args.kv.num_kv_heads));
  const auto num_blocks = static_cast<unsigned>((num_warps + kNumWarps - 1) / kNumWarps);
  switch (args.kv.head_dim) {
    case 64:
      rope_kv_write_kernel<64><<<num_blocks, kNumThreads, 0, stream>>>(args);
      return cudaGetLastError();
    case 128:
      rope_kv_write_kernel<128><<<num_blocks, kNumThreads, 0, stream>>>(args);
      return cudaGetLastError();
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace penstock::kernels::cuda
