// From the QKV product of a decode step to what the output product reads, in one launch: QK norm
// (Qwen3), RoPE, the write of the new key and value into the pool, and paged attention with split
// KV. One query position per row, grouped query heads.
//
// The arithmetic is that of launch_rope_kv_write (rope.h) and launch_paged_attention
// (paged_attention.h), bit for bit. A block does a segment (256 positions) of one row and KV head;
// the block that finishes the last segment of a row and head merges them.
//
// All pointers are device memory, 16-byte aligned, rows dense. Launches on `stream` without
// waiting, overlapping the launch before it (grid_dependency.cuh): positions, block tables, the
// table of angles and all positions of the pool but the newest must be older than the chain of
// launches.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/kv_layout.h"

namespace penstock::kernels::cuda {

inline constexpr int kDecodeMaxRows = 256;

struct DecodeAttentionArgs {
  const std::uint16_t* qkv;           // [num_rows, (num_q_heads + 2 kv heads) * head_dim] bf16
  const std::uint16_t* q_norm;        // [head_dim] bf16, or null
  const std::uint16_t* k_norm;        // [head_dim] bf16, or null when q_norm is
  const float* rope_table;            // [num_positions, head_dim] (rope.h)
  const std::int32_t* positions;      // [num_rows]; negative or too large: an idle row
  const std::uint32_t* block_tables;  // [num_rows, max_blocks]
  std::uint16_t* kv_pool;
  float* partials;          // decode_attention_partial_floats()
  std::uint32_t* finished;  // [num_rows, kv heads], zero before the first launch and after each
  std::uint16_t* out;  // [num_rows, num_q_heads, head_dim] bf16; an idle row's is left as it is
  KvShape kv;
  int layer;
  int num_rows;     // 1 to kDecodeMaxRows
  int num_q_heads;  // 1, 2, 4 or 8 times num_kv_heads
  int max_blocks;   // width of the block table
  int num_positions;
  float epsilon;
  int num_multiprocessors;  // of the device: the grid; changes no bit of the result
  int segments_per_run{};   // the launch's own
};

[[nodiscard]] constexpr std::size_t decode_attention_partial_floats(const KvShape& kv, int num_rows,
                                                                    int num_q_heads,
                                                                    int max_blocks) noexcept {
  return static_cast<std::size_t>(num_rows) * static_cast<std::size_t>(num_q_heads) *
         static_cast<std::size_t>((max_blocks + 7) / 8) * static_cast<std::size_t>(kv.head_dim + 2);
}

// Raises the kernels' shared memory limit on the current device: once, before any launch.
[[nodiscard]] cudaError_t prepare_decode_attention();

// cudaErrorInvalidValue when a shape is outside the limits above.
[[nodiscard]] cudaError_t launch_decode_attention(const DecodeAttentionArgs& args,
                                                  cudaStream_t stream);

}  // namespace penstock::kernels::cuda
