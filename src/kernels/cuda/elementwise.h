// SwiGLU and the embedding gather: one read, one write, no reduction.
//
// All pointers are device memory, 16-byte aligned, rows dense. Launches on `stream`, does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace penstock::kernels::cuda {

// out = bf16(silu(gate) * up), silu(g) = g / (1 + exp(-g)), in f32.
struct SwigluArgs {
  const std::uint16_t* gate_up;  // [num_rows, 2 * inner] bf16: gate, then up
  std::uint16_t* out;            // [num_rows, inner] bf16
  int num_rows;
  int inner;  // a multiple of 8
};
[[nodiscard]] cudaError_t launch_swiglu(const SwigluArgs& args, cudaStream_t stream);

// out[r] = table[token_ids[r]]. A token id outside the vocabulary gives a row of NaN, which argmax
// then flags: a bad id is seen, and reads nothing that is not the table's.
struct EmbedArgs {
  const std::uint16_t* table;      // [vocab_size, dim] bf16
  const std::uint32_t* token_ids;  // [num_rows]
  std::uint16_t* out;              // [num_rows, dim] bf16
  int num_rows;
  int dim;  // a multiple of 8
  int vocab_size;
};
[[nodiscard]] cudaError_t launch_embed(const EmbedArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
