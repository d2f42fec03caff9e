// The embedding rows of a batch's tokens, with what the first norm needs of them: the start of the
// residual stream.
//
// A token id outside the vocabulary gives a row of NaN, which argmax then flags: a bad id is seen,
// and reads nothing that is not the table's.
//
// All pointers are device memory, 16-byte aligned, rows dense. Launches one kernel on `stream`
// plainly, as the first of a chain of overlapping ones (grid_dependency.cuh), and does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/product.h"

namespace penstock::kernels::cuda {

struct EmbedArgs {
  const std::uint16_t* table;      // [vocab_size, dim] bf16, panels (weight_panels.h)
  const std::uint32_t* token_ids;  // [num_rows]
  ResidualRows rows;               // [num_rows, dim]
  int num_rows;                    // at most 65,535
  int dim;                         // a multiple of 32
  int vocab_size;
};
[[nodiscard]] cudaError_t launch_embed(const EmbedArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
