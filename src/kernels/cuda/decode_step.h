// A decode step of a dense Llama or Qwen3 model, from token ids to logits, as one launch.
//
// One block per multiprocessor stays for the whole step. One of its warps copies the block's share
// of all weights, in the order they are used, through a ring in shared memory, and never waits for
// anything but room: while the other sixteen meet the other blocks at a grid barrier, load
// activations or do attention, the memory keeps busy with the weights of what comes next.
//
// Phases of a layer, a grid barrier after each:
//   1 norm, QKV    2 QK norm, RoPE, KV write, attention    3 output + residual
//   4 norm, gate and up, SwiGLU    5 down + residual         and, after the last: norm, head
//
// The arithmetic is that of the separate launches (rms_norm.h, skinny_gemm.h, rope.h,
// paged_attention.h, elementwise.h) bit for bit, so a row's result does not depend on which of the
// two ways it went, nor on the other rows or the number of multiprocessors.
//
// Everything that varies from step to step is in device buffers that the arguments point to, so the
// launch can be captured in a graph once per number of rows. The grid must fit the device at once:
// the launch is cooperative, and fails when it does not.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/kv_layout.h"

namespace penstock::kernels::cuda {

inline constexpr int kDecodeMaxRows = 16;
inline constexpr int kDecodeMaxDim = 4096;
inline constexpr int kDecodeMaxLayers = 80;

struct DecodeShape {
  int num_layers;
  int dim;          // a multiple of 32, at most kDecodeMaxDim
  int inner;        // a multiple of 32
  int num_q_heads;  // 1, 2, 4 or 8 times num_kv_heads
  int num_kv_heads;
  int head_dim;    // 64 or 128
  int vocab_size;  // a multiple of 16

  [[nodiscard]] constexpr int q_dim() const noexcept { return num_q_heads * head_dim; }
  [[nodiscard]] constexpr int qkv_dim() const noexcept {
    return (num_q_heads + (2 * num_kv_heads)) * head_dim;
  }
};

// Matrices in panels (weight_panels.h), norms plain. bf16.
struct DecodeLayer {
  const std::uint16_t* qkv;             // [qkv_dim, dim]: q, k, v
  const std::uint16_t* out;             // [dim, q_dim]
  const std::uint16_t* gate_up;         // [2 inner, dim]: tiles of gate and up in turn
  const std::uint16_t* down;            // [dim, inner]
  const std::uint16_t* attention_norm;  // [dim]
  const std::uint16_t* ffn_norm;        // [dim]
  const std::uint16_t* q_norm;          // [head_dim], or null
  const std::uint16_t* k_norm;          // [head_dim], or null
};

// Between phases, and from step to step: nothing in it needs setting but `sync`, zero at first.
struct DecodeScratch {
  std::uint16_t* residual;   // [num_rows, dim]
  std::uint16_t* qkv;        // [num_rows, qkv_dim]
  std::uint16_t* attended;   // [num_rows, q_dim]
  std::uint16_t* activated;  // [num_rows, inner]
  float* partials;           // decode_partial_floats()
  std::uint32_t* sync;       // decode_sync_words()
};

struct DecodeStepArgs {
  DecodeShape shape;
  const DecodeLayer* layers;        // [num_layers], device memory
  const std::uint16_t* head;        // [vocab_size, dim], panels
  const std::uint16_t* embedding;   // [vocab_size, dim], panels; may be `head`
  const std::uint16_t* final_norm;  // [dim]
  const float* rope_table;          // [num_positions, head_dim] (rope.h)
  int num_positions;
  float epsilon;
  const std::uint32_t* token_ids;     // [num_rows]; past the vocabulary: a row of NaN
  const std::int32_t* positions;      // [num_rows]; negative: an idle row, its logits mean nothing
  const std::uint32_t* block_tables;  // [num_rows, max_blocks]
  int max_blocks;
  std::uint16_t* kv_pool;
  DecodeScratch scratch;
  float* logits;  // [num_rows, vocab_size]
  int num_rows;   // 1 to kDecodeMaxRows
  int num_multiprocessors;
};

[[nodiscard]] constexpr std::size_t decode_partial_floats(const DecodeShape& shape, int num_rows,
                                                          int max_blocks) noexcept {
  const int num_segments = (max_blocks + 7) / 8;
  return static_cast<std::size_t>(num_rows) * static_cast<std::size_t>(shape.num_q_heads) *
         static_cast<std::size_t>(num_segments) * static_cast<std::size_t>(shape.head_dim + 2);
}
// Two words of the grid barrier, then a count of finished segments for each (row, KV head).
[[nodiscard]] constexpr std::size_t decode_sync_words(const DecodeShape& shape,
                                                      int num_rows) noexcept {
  return 2 + (static_cast<std::size_t>(num_rows) * static_cast<std::size_t>(shape.num_kv_heads));
}

// Raises the kernels' shared memory limit on the current device: once, before any launch.
[[nodiscard]] cudaError_t prepare_decode_step();

// cudaErrorInvalidValue when a shape is outside the limits above.
[[nodiscard]] cudaError_t launch_decode_step(const DecodeStepArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
