#include "engine/validate.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

namespace penstock::engine {
namespace {

Status check_lengths(const EngineRequest& request, std::uint32_t context_length) {
  if (request.prompt.empty()) return make_error(ErrorCode::kInvalid, "the prompt has no tokens");
  if (request.choices.empty()) return make_error(ErrorCode::kInvalid, "no choice is asked for");
  if (request.prompt.size() >= context_length) {
    return make_error(ErrorCode::kInvalid,
                      "the prompt has {} tokens; with the context of {} at most {} leave room for "
                      "an answer",
                      request.prompt.size(), context_length, context_length - 1);
  }
  if (request.max_tokens == 0 || request.prompt.size() + request.max_tokens > context_length) {
    return make_error(ErrorCode::kInvalid,
                      "prompt ({} tokens) and max_tokens ({}) must be within the context of {}, "
                      "with max_tokens at least 1",
                      request.prompt.size(), request.max_tokens, context_length);
  }
  if (request.min_tokens > request.max_tokens) {
    return make_error(ErrorCode::kInvalid, "min_tokens is {}; it must be at most max_tokens, {}",
                      request.min_tokens, request.max_tokens);
  }
  for (const Choice& choice : request.choices) {
    if (choice.generated.size() < request.max_tokens) continue;
    return make_error(ErrorCode::kInvalid, "choice {} has all of its {} tokens already",
                      choice.number, request.max_tokens);
  }
  return {};
}

Status check_count(std::string_view field, std::size_t count, std::size_t limit) {
  if (count <= limit) return {};
  return make_error(ErrorCode::kInvalid, "{} has {} entries; it must have at most {}", field, count,
                    limit);
}

Status check_id(std::string_view field, TokenId id, std::uint32_t vocab_size) {
  if (id < vocab_size) return {};
  return make_error(ErrorCode::kInvalid, "{} names token {}; the vocabulary has {} tokens", field,
                    id, vocab_size);
}

Status check_ids(std::string_view field, std::span<const TokenId> ids, std::uint32_t vocab_size) {
  for (const TokenId id : ids) RETURN_IF_ERROR(check_id(field, id, vocab_size));
  return {};
}

Status check_tokens(const EngineRequest& request, const EngineLimits& limits) {
  RETURN_IF_ERROR(check_ids("the prompt", request.prompt, limits.vocab_size));
  for (const Choice& choice : request.choices) {
    RETURN_IF_ERROR(check_ids("what is generated already", choice.generated, limits.vocab_size));
  }
  RETURN_IF_ERROR(
      check_count("stop_token_ids", request.stop_token_ids.size(), limits.max_stop_token_ids));
  RETURN_IF_ERROR(check_ids("stop_token_ids", request.stop_token_ids, limits.vocab_size));
  RETURN_IF_ERROR(check_count("allowed_token_ids", request.allowed_token_ids.size(),
                              limits.max_allowed_token_ids));
  RETURN_IF_ERROR(check_ids("allowed_token_ids", request.allowed_token_ids, limits.vocab_size));
  RETURN_IF_ERROR(check_count("logit_bias", request.logit_bias.size(), limits.max_logit_biases));
  for (const auto& [id, bias] : request.logit_bias) {
    RETURN_IF_ERROR(check_id("logit_bias", id, limits.vocab_size));
    if (!std::isfinite(bias)) {
      return make_error(ErrorCode::kInvalid, "logit_bias of token {} is {}; it must be finite", id,
                        bias);
    }
  }
  return {};
}

Status check_bad_sequences(const EngineRequest& request, const EngineLimits& limits) {
  constexpr std::string_view kField = "bad_words";
  RETURN_IF_ERROR(check_count(kField, request.bad_sequences.size(), limits.max_bad_sequences));
  for (const std::vector<TokenId>& sequence : request.bad_sequences) {
    if (sequence.empty() || sequence.size() > limits.max_bad_sequence_tokens) {
      return make_error(ErrorCode::kInvalid,
                        "a sequence of bad_words has {} tokens; it must have 1 to {}",
                        sequence.size(), limits.max_bad_sequence_tokens);
    }
    RETURN_IF_ERROR(check_ids(kField, sequence, limits.vocab_size));
  }
  return {};
}

Status check_range(std::string_view field, float value, float min, float max) {
  if (value >= min && value <= max) return {};  // false for a NaN
  return make_error(ErrorCode::kInvalid, "{} is {}; it must be at least {} and at most {}", field,
                    value, min, max);
}

Status check_sampling(const SamplingParams& sampling) {
  constexpr float kLargest = 1e6F;  // far beyond any use, and no logit overflows
  constexpr float kSmallest = 1e-30F;
  RETURN_IF_ERROR(check_range("temperature", sampling.temperature, 0, kLargest));
  RETURN_IF_ERROR(check_range("top_p", sampling.top_p, kSmallest, 1));
  RETURN_IF_ERROR(check_range("min_p", sampling.min_p, 0, 1));
  RETURN_IF_ERROR(check_range("presence_penalty", sampling.presence_penalty, -kLargest, kLargest));
  RETURN_IF_ERROR(
      check_range("frequency_penalty", sampling.frequency_penalty, -kLargest, kLargest));
  return check_range("repetition_penalty", sampling.repetition_penalty, kSmallest, kLargest);
}

Status check_logprobs(std::string_view field, int num_top, std::uint32_t limit) {
  if (num_top < 0 || static_cast<std::uint32_t>(num_top) <= limit) return {};
  return make_error(ErrorCode::kInvalid, "{} is {}; it must be at most {}", field, num_top, limit);
}

// What forbids a token at every position until min_tokens: if that is all that is allowed, the
// request fails before it waits for its first row of logits.
Status check_possible(const EngineRequest& request) {
  if (request.allowed_token_ids.empty()) return {};
  const bool masks_eos = request.min_tokens > 0 && !request.ignore_eos;
  const auto is_forbidden = [&](TokenId id) {
    if (masks_eos && std::ranges::find(request.eos_token_ids, id) != request.eos_token_ids.end()) {
      return true;
    }
    return std::ranges::any_of(request.bad_sequences, [id](const std::vector<TokenId>& sequence) {
      return sequence.size() == 1 && sequence.front() == id;
    });
  };
  if (!std::ranges::all_of(request.allowed_token_ids, is_forbidden)) return {};
  return make_error(ErrorCode::kInvalid,
                    "no token is possible: bad_words and min_tokens (EOS) forbid all {} of "
                    "allowed_token_ids; allow one that they do not",
                    request.allowed_token_ids.size());
}

}  // namespace

Status validate(const EngineRequest& request, const EngineLimits& limits) {
  RETURN_IF_ERROR(check_lengths(request, limits.context_length));
  RETURN_IF_ERROR(check_tokens(request, limits));
  RETURN_IF_ERROR(check_bad_sequences(request, limits));
  RETURN_IF_ERROR(check_sampling(request.sampling));
  RETURN_IF_ERROR(check_logprobs("logprobs", request.logprobs, limits.max_logprobs));
  RETURN_IF_ERROR(check_logprobs("prompt_logprobs", request.prompt_logprobs, limits.max_logprobs));
  return check_possible(request);
}

}  // namespace penstock::engine
