// What stands between the QKV product and attention: the optional RMS norm of each query and key
// head (Qwen3), RoPE, and the write of keys and values into the paged pool. Rows are tokens, of a
// decode batch or of prompts alike; a row's bits depend on that row alone.
//
//   head of q or k: x = (x * (1 / sqrt(mean(x^2) + epsilon))) * weight       (when weights are
//   given)
//                   pair (i, i + head_dim / 2): a' = a c - b s, b' = b c + a s
//   all in f32, rounded to bf16 once at the end; v is copied.
//
// Pairs are halves. A file whose Q and K rows are permuted for interleaved pairs (GGUF llama) has
// them permuted back when it is loaded: the products of q and k are the same.
//
// The table holds cos and sin of every position, so that any scaling of the frequencies
// (model/config.h) is a matter of what was put in. All pointers are device memory, 16-byte aligned,
// rows dense. Each call launches one kernel on `stream` and does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/kv_layout.h"

namespace penstock::kernels::cuda {

// table[p] = cos(p * f) * magnitude for head_dim / 2 frequencies f, then the sines. The angle is
// rounded to f32, cosine and sine are computed in double.
struct RopeTableArgs {
  const float* inverse_frequencies;  // [head_dim / 2]
  float magnitude;
  float* table;  // [num_positions, head_dim]
  int num_positions;
  int head_dim;
};
[[nodiscard]] cudaError_t launch_rope_table(const RopeTableArgs& args, cudaStream_t stream);

struct RopeKvWriteArgs {
  const std::uint16_t* qkv;           // [num_rows, (num_q_heads + 2 kv heads) * head_dim] bf16
  const std::uint16_t* q_norm;        // [head_dim] bf16, or null
  const std::uint16_t* k_norm;        // [head_dim] bf16, or null
  const float* table;                 // [num_positions, head_dim], see above
  const std::int32_t* positions;      // [num_rows]; outside the table or the row of blocks: skipped
  const std::int32_t* sequences;      // [num_rows] rows of block_tables, or null: row r has its own
  const std::uint32_t* block_tables;  // [num_sequences, max_blocks]
  std::uint16_t* q_out;               // [num_rows, num_q_heads, head_dim] bf16
  std::uint16_t* kv_pool;
  KvShape kv;
  int layer;
  int num_rows;
  int num_q_heads;
  int max_blocks;
  int num_positions;
  float epsilon;
};

// cudaErrorInvalidValue when head_dim is neither 64 nor 128, or a count is not positive.
[[nodiscard]] cudaError_t launch_rope_kv_write(const RopeKvWriteArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
