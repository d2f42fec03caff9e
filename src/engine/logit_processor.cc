#include "engine/logit_processor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace penstock::engine {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

// Not any_of(): without an early way out the loop takes whole vectors.
bool copy_and_find_nan(std::span<const float> from, std::span<float> to) noexcept {
  unsigned num_nan = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i] = from[i];
    num_nan += from[i] != from[i] ? 1U : 0U;
  }
  return num_nan > 0;
}

}  // namespace

LogitProcessor::LogitProcessor(const EngineRequest& request, std::span<const TokenId> generated)
    : request_(request), allowed_(request.allowed_token_ids) {
  std::ranges::sort(allowed_);
  if (!has_penalties(request.sampling)) return;
  history_.emplace();
  history_->add_prompt(request.prompt);
  for (const TokenId id : generated) history_->add_generated(id);
}

void LogitProcessor::accept(TokenId id) {
  if (history_) history_->add_generated(id);
}

bool LogitProcessor::masks_eos(std::span<const TokenId> generated) const noexcept {
  return !request_.ignore_eos && generated.size() < request_.min_tokens;
}

bool LogitProcessor::masks_bad(std::span<const TokenId> generated) const noexcept {
  return std::ranges::any_of(request_.bad_sequences, [generated](const auto& sequence) {
    return would_complete(sequence, generated);
  });
}

bool LogitProcessor::has_possible(std::span<const float> logits) const noexcept {
  if (allowed_.empty()) {
    return std::ranges::any_of(logits, [](float logit) { return logit > kMasked; });
  }
  return std::ranges::any_of(allowed_, [logits](TokenId id) { return logits[id] > kMasked; });
}

Result<std::span<const float>> LogitProcessor::process(std::span<const float> row,
                                                       std::span<const TokenId> generated,
                                                       std::span<float> scratch) const {
  const bool eos = masks_eos(generated);
  const bool bad = masks_bad(generated);
  if (!history_ && request_.logit_bias.empty() && allowed_.empty() && !eos && !bad) return row;

  // A mask would hide a NaN, and one anywhere means that the row cannot be trusted.
  if (copy_and_find_nan(row, scratch)) {
    return make_error(ErrorCode::kInternal, "the model's logits contain NaN");
  }
  if (history_) history_->apply_penalties(request_.sampling, scratch);
  add_bias(request_.logit_bias, scratch);
  if (!allowed_.empty()) allow_only(allowed_, scratch);
  if (bad) mask_bad_sequences(request_.bad_sequences, generated, scratch);
  if (eos) mask_tokens(request_.eos_token_ids, scratch);
  if (!has_possible(scratch)) return std::unexpected(why_impossible(row, generated));
  return scratch;
}

Error LogitProcessor::why_impossible(std::span<const float> row,
                                     std::span<const TokenId> generated) const {
  if (!std::ranges::any_of(row, [](float logit) { return logit > kMasked; })) {
    return {ErrorCode::kInternal, "no token is possible: the model's logits are all -inf"};
  }
  std::string causes;
  const auto add = [&causes](const std::string& cause) {
    if (!causes.empty()) causes += ", ";
    causes += cause;
  };
  if (!allowed_.empty()) add(format("allowed_token_ids leaves {}", allowed_.size()));
  const auto num_bad = std::ranges::count_if(
      request_.bad_sequences,
      [generated](const auto& sequence) { return would_complete(sequence, generated); });
  if (num_bad > 0) add(format("bad_words forbid {}", num_bad));
  if (masks_eos(generated)) {
    add(format("min_tokens keeps EOS out before token {}", request_.min_tokens));
  }
  return {ErrorCode::kInvalid,
          format("no token is possible at output position {}: of the model's {}, {}; loosen one "
                 "of them",
                 generated.size(), row.size(), causes)};
}

}  // namespace penstock::engine
