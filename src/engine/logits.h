// Logits before a token is drawn: penalties, bias and masks, and log-probabilities of the raw ones.
//
// Order: repetition penalty, frequency and presence penalties, bias, masks. Threading: values.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "engine/request.h"

namespace penstock::engine {

// Which tokens a choice has seen: what penalties look at.
class TokenHistory final {
 public:
  void add_prompt(std::span<const TokenId> token_ids);
  void add_generated(TokenId id) { ++seen_[id]; }

  // Repetition: logits of all seen tokens are divided (positive) or multiplied (negative) by it.
  // Frequency and presence: generated tokens lose `frequency * count + presence`.
  void apply_penalties(const SamplingParams& params, std::span<float> logits) const;

 private:
  std::unordered_map<TokenId, std::uint32_t> seen_;  // how often generated; 0 = in the prompt only
};

[[nodiscard]] bool has_penalties(const SamplingParams& params) noexcept;

void add_bias(std::span<const std::pair<TokenId, float>> bias, std::span<float> logits);
void mask_tokens(std::span<const TokenId> token_ids, std::span<float> logits);

// Log-softmax of the raw logits at `id`, its rank, and the `num_top` most likely tokens (ties: the
// lowest id first). Sums in double, in id order. O(vocab + num_top log num_top).
[[nodiscard]] TokenLogprobs token_logprobs(std::span<const float> logits, TokenId id, int num_top);

}  // namespace penstock::engine
