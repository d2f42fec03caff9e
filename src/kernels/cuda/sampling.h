// One token per row of logits by the rules of engine/sampler.h: temperature, top-k, top-p, min-p,
// then one Philox draw over what is left, in token-id order, summed in blocks of 512 ids.
//
// Runs after launch_argmax on the same rows: it takes the greedy choice and the flags from there,
// leaves greedy rows (temperature 0) as they are and replaces the choice of the others.
//
// The same token as the CPU sampler's for the same f32 logits, with two roundings that may differ:
//   exp      computed in double and rounded once, where the C library's expf may be off by one unit
//            in the last place (about one weight in 500);
//   top-p    without top-k: the total that top_p is a share of is summed in blocks of 512 ids, not
//            in one chain, and a nucleus of more than kMaxSortedCandidates is summed as a tree.
// Both move a cumulated probability by parts in 10^8 at most; a draw tells them apart only when it
// falls in that gap. Equal weights go to the lowest id in both.
//
// The result of a row depends on that row alone. All pointers are device memory. Launches one
// kernel on `stream`, does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace penstock::kernels::cuda {

inline constexpr int kMaxSampledVocab = 524'288;
inline constexpr int kMaxSortedCandidates = 8192;

// engine/request.h's SamplingParams that shape the draw, and the draw's Philox counter.
struct SamplingRow {
  float temperature = 0.0F;  // 0 = greedy
  float top_p = 1.0F;
  float min_p = 0.0F;
  std::uint32_t top_k = 0;  // 0 = all
  std::uint64_t seed = 0;
  std::uint32_t output_index = 0;
  std::uint32_t choice_number = 0;
};

// What flags[row] says afterwards.
inline constexpr std::uint32_t kRowIsFine = 0;
inline constexpr std::uint32_t kRowHasNan = 1;        // from launch_argmax
inline constexpr std::uint32_t kRowIsImpossible = 2;  // the largest logit is infinite

struct SampleArgs {
  const float* logits;       // [num_rows, vocab_size]
  const SamplingRow* rows;   // [num_rows]
  float* workspace;          // [num_rows, vocab_size]
  std::uint32_t* token_ids;  // [num_rows], in: launch_argmax's, out: the choice
  std::uint32_t* flags;      // [num_rows], likewise
  int num_rows;
  int vocab_size;  // at most kMaxSampledVocab
};

// Raises the kernel's shared memory limit on the current device: once, before any launch.
[[nodiscard]] cudaError_t prepare_sampling();

[[nodiscard]] cudaError_t launch_sample(const SampleArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
