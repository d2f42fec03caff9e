// Logits before a token is drawn, and the log-probabilities of one that was: engine/logits.h on the
// device.
//
// launch_adjust_logits applies, in this order: repetition penalty, frequency and presence
// penalties, bias, forbidden ids, grammar mask. The bits are the CPU's: every step is one f32
// operation on one logit. launch_logprobs gives the CPU's ranks and alternatives; the
// log-probability itself is summed in another order in double and may differ in its last f32 bit.
//
// All pointers are device memory; ids are below vocab_size and, within a row's list, distinct (an
// id past the vocabulary is skipped). Each call launches one kernel on `stream`, does not wait.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace penstock::kernels::cuda {

// Row r of a list has the entries [offsets[r], offsets[r + 1]).
struct LogitAdjustments {
  struct Penalties {
    float repetition = 1.0F;  // of all seen tokens: divides positive logits, multiplies others
    float frequency = 0.0F;   // of generated ones: times the count
    float presence = 0.0F;
  };
  const Penalties* penalties;              // [num_rows], or null: no row has any
  const std::uint32_t* seen_offsets;       // [num_rows + 1]
  const std::uint32_t* seen_ids;           // prompt and output
  const std::uint32_t* seen_counts;        // how often generated; 0 = in the prompt only
  const std::uint32_t* bias_offsets;       // [num_rows + 1], or null: no row has any
  const std::uint32_t* bias_ids;           //
  const float* bias_values;                //
  const std::uint32_t* forbidden_offsets;  // [num_rows + 1], or null: no row has any
  const std::uint32_t* forbidden_ids;      //
  const std::int32_t* mask_rows;  // [num_rows] row of `allowed` or -1; null: no row has one
  const std::uint32_t* allowed;   // [masks, (vocab_size + 31) / 32]; bit id % 32 of word id / 32
};

struct AdjustLogitsArgs {
  float* logits;  // [num_rows, vocab_size]
  LogitAdjustments adjustments;
  int num_rows;
  int vocab_size;
};
[[nodiscard]] cudaError_t launch_adjust_logits(const AdjustLogitsArgs& args, cudaStream_t stream);

struct LogprobsArgs {
  const float* logits;             // [num_rows, vocab_size], raw
  const std::uint32_t* token_ids;  // [num_rows]: the chosen ones
  float* logprobs;                 // [num_rows]
  std::uint32_t* ranks;            // [num_rows]: how many tokens are more likely
  std::uint32_t* top_ids;          // [num_rows, num_top], most likely first, ties by lowest id
  float* top_logprobs;             // [num_rows, num_top]
  int num_rows;
  int vocab_size;
  int num_top;  // at most vocab_size; 0: none
};
[[nodiscard]] cudaError_t launch_logprobs(const LogprobsArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
