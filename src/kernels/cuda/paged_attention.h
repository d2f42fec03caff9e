// Decode attention over paged KV: one query position per row, grouped query heads.
//
// The block table of a row names the pool block (kernels/cuda/kv_layout.h) of each 32 positions;
// entries past the context are never read, nor is
// any token past it.
//
// Arithmetic (the numerics contract):
//   tile     32 positions. score = (q . k, tensor cores, 32 dims a step) * scale * log2(e); the
//            tile's own maximum is folded into the running one, p = exp2(score - running maximum);
//            total = sum of p; o_tile = p . v with p rounded to bf16, 16 positions a step.
//   segment  256 positions from position 0: tiles ascending, o = o * exp2(old - new maximum) +
//            o_tile, fused; the total likewise.
//   row      segments ascending, both sides scaled to the larger maximum; out = bf16(o / total).
// Number of rows, splits and the pool's blocks change no bit of it.
//
// All pointers are device memory, 16-byte aligned. Launches two kernels on `stream`, does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/kv_layout.h"

namespace penstock::kernels::cuda {

inline constexpr int kSegmentTokens = 256;

struct PagedAttentionArgs {
  const std::uint16_t* q;             // [num_rows, num_q_heads, head_dim] bf16
  const std::uint16_t* kv_pool;       // [num_blocks, ...] as above
  const std::uint32_t* block_tables;  // [num_rows, max_blocks]
  const std::int32_t* context_lens;   // [num_rows]; 0 gives a row of zeros
  float* workspace;                   // paged_attention_workspace_floats() floats
  std::uint16_t* out;                 // [num_rows, num_q_heads, head_dim] bf16
  KvShape kv;
  int layer;
  int num_rows;
  int num_q_heads;  // 1, 2, 4 or 8 times num_kv_heads
  int max_blocks;   // width of the block table: no context is longer than 32 times it
  float scale;      // usually 1 / sqrt(head_dim)
};

[[nodiscard]] constexpr int num_segments(int max_blocks) noexcept {
  constexpr int kBlocksPerSegment = kSegmentTokens / kKvBlockTokens;
  return (max_blocks + kBlocksPerSegment - 1) / kBlocksPerSegment;
}

// For each (row, segment, query head): head_dim sums, then the maximum and the sum of p.
[[nodiscard]] constexpr std::size_t paged_attention_workspace_floats(
    const PagedAttentionArgs& args) noexcept {
  return static_cast<std::size_t>(args.num_rows) * static_cast<std::size_t>(args.num_q_heads) *
         static_cast<std::size_t>(num_segments(args.max_blocks)) *
         static_cast<std::size_t>(args.kv.head_dim + 2);
}

// Raises the kernels' shared memory limit on the current device: once per device, before any
// launch.
[[nodiscard]] cudaError_t prepare_paged_attention();

// cudaErrorInvalidValue when a shape is outside the limits above.
[[nodiscard]] cudaError_t launch_paged_attention(const PagedAttentionArgs& args,
                                                 cudaStream_t stream);

}  // namespace penstock::kernels::cuda
