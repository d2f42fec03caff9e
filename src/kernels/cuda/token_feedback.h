// From the tokens a step chose to the inputs of the next one, without the host: the chosen ids
// become the token ids, positions go up by one, and the ids go to a ring that the host reads when
// it likes.
//
// A row whose position is negative stays idle. All pointers are device memory (`ring` may be pinned
// host memory). Launches one kernel on `stream` without waiting, overlapping the launch before it
// (grid_dependency.cuh).
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace penstock::kernels::cuda {

struct TokenFeedbackArgs {
  const std::uint32_t* chosen;  // [num_rows]
  std::uint32_t* token_ids;     // [num_rows]
  std::int32_t* positions;      // [num_rows]
  std::uint32_t* ring;          // [ring_steps, ring_rows]
  std::uint32_t* step;          // steps so far: the ring's next place modulo ring_steps
  int ring_steps;
  int ring_rows;
  int num_rows;  // at most 1,024
};
[[nodiscard]] cudaError_t launch_token_feedback(const TokenFeedbackArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
