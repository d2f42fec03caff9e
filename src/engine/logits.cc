#include "engine/logits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace penstock::engine {

void TokenHistory::add_prompt(std::span<const TokenId> token_ids) {
  for (const TokenId id : token_ids) seen_.try_emplace(id, 0);
}

void TokenHistory::apply_penalties(const SamplingParams& params, std::span<float> logits) const {
  for (const auto& [id, count] : seen_) {
    float& logit = logits[id];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (count > 0) {
      logit -= params.frequency_penalty * static_cast<float>(count) + params.presence_penalty;
    }
  }
}

bool has_penalties(const SamplingParams& params) noexcept {
  return params.repetition_penalty != 1.0F || params.frequency_penalty != 0.0F ||
         params.presence_penalty != 0.0F;
}

void add_bias(std::span<const std::pair<TokenId, float>> bias, std::span<float> logits) {
  for (const auto& [id, value] : bias) logits[id] += value;
}

void mask_tokens(std::span<const TokenId> token_ids, std::span<float> logits) {
  for (const TokenId id : token_ids) {
    if (id < logits.size()) logits[id] = -std::numeric_limits<float>::infinity();
  }
}

TokenLogprobs token_logprobs(std::span<const float> logits, TokenId id, int num_top) {
  const float max = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - max));
  const double log_sum = static_cast<double>(max) + std::log(sum);
  const auto logprob = [&](TokenId i) {
    return static_cast<float>(static_cast<double>(logits[i]) - log_sum);
  };

  TokenLogprobs out;
  out.logprob = logprob(id);
  out.rank = static_cast<std::uint32_t>(
      std::ranges::count_if(logits, [chosen = logits[id]](float logit) { return logit > chosen; }));

  // The best so far, best last; few enough for insertion to beat a heap.
  const auto wanted = static_cast<std::size_t>(std::max(num_top, 0));
  std::vector<TokenId> best;
  best.reserve(wanted + 1);
  for (TokenId i = 0; wanted > 0 && i < logits.size(); ++i) {
    if (best.size() == wanted && logits[i] <= logits[best.front()]) continue;
    const auto at = std::ranges::find_if(best, [&](TokenId b) { return logits[b] >= logits[i]; });
    best.insert(at, i);
    if (best.size() > wanted) best.erase(best.begin());
  }
  for (auto it = best.rbegin(); it != best.rend(); ++it) out.top.emplace_back(*it, logprob(*it));
  return out;
}

}  // namespace penstock::engine
