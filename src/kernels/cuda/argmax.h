// The greedy choice of each row of logits. Ties go to the lowest token id; +0 and -0 are equal.
//
// A NaN is never a choice: a row that holds one gets nan_flag 1 and the id of its first NaN.
// Each logit becomes a 64-bit key that orders by value, then by lower id; the result is the largest
// key, so the split of a row over blocks cannot change it.
//
// All pointers are device memory. Launches two kernels on `stream` without waiting, each
// overlapping the launch before it (grid_dependency.cuh).
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace penstock::kernels::cuda {

inline constexpr int kArgmaxSplits = 32;

struct ArgmaxArgs {
  const float* logits;       // [num_rows, vocab_size]
  std::uint64_t* workspace;  // [num_rows, kArgmaxSplits]
  std::uint32_t* token_ids;  // [num_rows]
  std::uint32_t* nan_flags;  // [num_rows], 0 or 1
  int num_rows;
  int vocab_size;
};

[[nodiscard]] cudaError_t launch_argmax(const ArgmaxArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
