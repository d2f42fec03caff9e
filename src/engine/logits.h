// Logits before a token is drawn: penalties, bias and masks, and log-probabilities of the raw ones.
//
// Each function is one step; which of them a row gets, and in which order, is logit_processor.h's.
// A masked logit is -infinity. Threading: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "engine/request.h"

namespace penstock::engine {

// Which tokens a choice has seen: what penalties look at. Sorted by id, so that a row is walked
// forwards; adding a generated token is O(distinct tokens), in one move of memory.
class TokenHistory final {
 public:
  void add_prompt(std::span<const TokenId> token_ids);
  void add_generated(TokenId id);

  // Repetition: logits of all seen tokens are divided (positive) or multiplied (negative) by it.
  // Frequency and presence: generated tokens lose `frequency * count + presence`.
  void apply_penalties(const SamplingParams& params, std::span<float> logits) const;

 private:
  struct Seen {
    TokenId id;
    std::uint32_t num_generated;  // 0 = in the prompt only
  };
  std::vector<Seen> seen_;
};

[[nodiscard]] bool has_penalties(const SamplingParams& params) noexcept;

void add_bias(std::span<const std::pair<TokenId, float>> bias, std::span<float> logits);
// Ids at or over the row's size are passed over.
void mask_tokens(std::span<const TokenId> token_ids, std::span<float> logits);
// Masks all but `allowed`, which is sorted; repetitions do no harm. One pass over the row.
void allow_only(std::span<const TokenId> allowed, std::span<float> logits);

// Whether `generated` ends in all of `sequence` but its last token, so that this token would
// complete it. A sequence of one token is always that far.
[[nodiscard]] bool would_complete(std::span<const TokenId> sequence,
                                  std::span<const TokenId> generated) noexcept;
// Masks the last token of each sequence that it would complete. Only generated tokens count: what
// the prompt ends with is the asker's own and forbids nothing.
void mask_bad_sequences(std::span<const std::vector<TokenId>> sequences,
                        std::span<const TokenId> generated, std::span<float> logits);

// Log-softmax of the raw logits at `id`, how many are larger, and the `num_top` most likely tokens
// (ties: the lowest id first). Sums in double, in id order; a NaN anywhere in the row makes the
// logprob NaN. O(vocab + num_top^2); allocates the result's `top` and nothing else.
[[nodiscard]] TokenLogprobs token_logprobs(std::span<const float> logits, TokenId id, int num_top);

}  // namespace penstock::engine
