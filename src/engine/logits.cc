#include "engine/logits.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace penstock::engine {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

// The `num_top` largest logits with their ids, largest first, the lowest id first at a tie. Few
// enough for insertion to beat a heap.
std::vector<std::pair<TokenId, float>> largest(std::span<const float> logits, std::size_t num_top) {
  std::vector<std::pair<TokenId, float>> top;
  top.reserve(num_top);
  for (TokenId id = 0; num_top > 0 && id < logits.size(); ++id) {
    if (top.size() == num_top) {
      if (logits[id] <= top.back().second) continue;
      top.pop_back();
    }
    const auto at = std::ranges::find_if(
        top, [logit = logits[id]](const auto& entry) { return entry.second < logit; });
    top.emplace(at, id, logits[id]);
  }
  return top;
}

}  // namespace

void TokenHistory::add_prompt(std::span<const TokenId> token_ids) {
  for (const TokenId id : token_ids) seen_.push_back({id, 0});
  // Counts stand before the zeros of their id, so that the unique ones keep them.
  std::ranges::sort(seen_, [](const Seen& a, const Seen& b) {
    return a.id != b.id ? a.id < b.id : a.num_generated > b.num_generated;
  });
  const auto repeated = std::ranges::unique(seen_, {}, &Seen::id);
  seen_.erase(repeated.begin(), repeated.end());
}

void TokenHistory::add_generated(TokenId id) {
  const auto at = std::ranges::lower_bound(seen_, id, {}, &Seen::id);
  if (at != seen_.end() && at->id == id) {
    ++at->num_generated;
  } else {
    seen_.insert(at, {id, 1});
  }
}

void TokenHistory::apply_penalties(const SamplingParams& params, std::span<float> logits) const {
  for (const auto& [id, num_generated] : seen_) {
    float& logit = logits[id];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (num_generated > 0) {
      logit -=
          params.frequency_penalty * static_cast<float>(num_generated) + params.presence_penalty;
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
    if (id < logits.size()) logits[id] = kMasked;
  }
}

void allow_only(std::span<const TokenId> allowed, std::span<float> logits) {
  std::size_t next = 0;  // all before it is decided
  for (const TokenId id : allowed) {
    if (id < next) continue;
    std::ranges::fill(logits.subspan(next, id - next), kMasked);
    next = std::size_t{id} + 1;
  }
  std::ranges::fill(logits.subspan(next), kMasked);
}

bool would_complete(std::span<const TokenId> sequence,
                    std::span<const TokenId> generated) noexcept {
  const std::span<const TokenId> before = sequence.first(sequence.size() - 1);
  return before.size() <= generated.size() &&
         std::ranges::equal(before, generated.last(before.size()));
}

void mask_bad_sequences(std::span<const std::vector<TokenId>> sequences,
                        std::span<const TokenId> generated, std::span<float> logits) {
  for (const std::vector<TokenId>& sequence : sequences) {
    if (would_complete(sequence, generated)) logits[sequence.back()] = kMasked;
  }
}

TokenLogprobs token_logprobs(std::span<const float> logits, TokenId id, int num_top) {
  const float max = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - max));
  const double log_sum = static_cast<double>(max) + std::log(sum);
  const auto logprob = [log_sum](float logit) {
    return static_cast<float>(static_cast<double>(logit) - log_sum);
  };

  TokenLogprobs out;
  out.logprob = logprob(logits[id]);
  out.rank = static_cast<std::uint32_t>(
      std::ranges::count_if(logits, [chosen = logits[id]](float logit) { return logit > chosen; }));
  const auto wanted = static_cast<std::size_t>(std::max(num_top, 0));
  out.top = largest(logits, std::min(wanted, logits.size()));
  for (auto& [other, value] : out.top) value = logprob(value);
  return out;
}

}  // namespace penstock::engine
