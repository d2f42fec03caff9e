#include "frontend/model_checks.h"

#include <algorithm>

namespace penstock::frontend {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::ApiStatus;
using openai::make_api_error;

ApiStatus check_token_ids(std::span<const openai::TokenId> ids, std::uint32_t vocab_size,
                          std::string_view path) {
  const auto bad = std::ranges::find_if(ids, [&](openai::TokenId id) { return id >= vocab_size; });
  if (bad == ids.end()) return {};
  const std::string place = format("{}[{}]", path, bad - ids.begin());
  return make_api_error(ApiErrorCode::kInvalidValue, place,
                        "{} is {}; the model's token ids are below {}", place, *bad, vocab_size);
}

ApiStatus check_against_card(const openai::GenerationRequest& request,
                             const discovery::ModelCard& card) {
  for (const auto& [id, bias] : request.sampling.logit_bias) {
    if (id < card.vocab_size) continue;
    const std::string path = format("logit_bias.{}", id);
    return make_api_error(ApiErrorCode::kInvalidValue, path,
                          "{} names the token {}; the model's token ids are below {}", path, id,
                          card.vocab_size);
  }
  RETURN_IF_API_ERROR(check_token_ids(request.stop.token_ids, card.vocab_size, "stop_token_ids"));
  RETURN_IF_API_ERROR(
      check_token_ids(request.sampling.allowed_token_ids, card.vocab_size, "allowed_token_ids"));
  const auto check_top = [&card](std::string_view field, std::uint32_t num_top) -> ApiStatus {
    if (num_top <= card.logprobs_max) return {};
    return make_api_error(ApiErrorCode::kInvalidValue, field,
                          "{} top log-probabilities are asked for; the model gives at most {}",
                          num_top, card.logprobs_max);
  };
  RETURN_IF_API_ERROR(check_top("logprobs", request.output.logprobs.value_or(0)));
  return check_top("prompt_logprobs", request.output.prompt_logprobs.value_or(0));
}

std::unexpected<openai::ApiError> prompt_too_long(std::string_view field,
                                                  std::string_view num_tokens,
                                                  std::uint32_t context_length) {
  return make_api_error(ApiErrorCode::kContextLengthExceeded, field,
                        "the prompt has {} tokens; the model's context of {} tokens takes a "
                        "prompt of at most {}; shorten it",
                        num_tokens, context_length, context_length - 1);
}

ApiResult<std::uint32_t> allowed_tokens(const TokenBudget& budget, std::uint32_t context_length) {
  if (budget.num_prompt_tokens == 0) {
    return make_api_error(ApiErrorCode::kInvalidValue, budget.prompt_field,
                          "the prompt has no tokens; it must have at least one");
  }
  if (budget.num_prompt_tokens >= context_length) {
    return prompt_too_long(budget.prompt_field, format("{}", budget.num_prompt_tokens),
                           context_length);
  }
  const auto left = context_length - static_cast<std::uint32_t>(budget.num_prompt_tokens);
  if (budget.wanted.value_or(0) > left) {
    return make_api_error(ApiErrorCode::kContextLengthExceeded, "max_tokens",
                          "the prompt has {} tokens and max_tokens is {}, together {}; the model's "
                          "context is {} tokens",
                          budget.num_prompt_tokens, *budget.wanted,
                          budget.num_prompt_tokens + *budget.wanted, context_length);
  }
  const std::uint32_t allowed =
      budget.wanted ? *budget.wanted : std::min(budget.fallback.value_or(left), left);
  if (budget.min_tokens > allowed) {
    return make_api_error(ApiErrorCode::kInvalidValue, "min_tokens",
                          "min_tokens is {}; at most {} tokens can be generated here",
                          budget.min_tokens, allowed);
  }
  return allowed;
}

rpc::Sampling resolve_sampling(const openai::SamplingWish& wish,
                               const discovery::SamplingDefaults& defaults,
                               std::uint64_t drawn_seed) {
  const auto pick = [](auto wished, auto card, auto fallback) {
    return wished ? *wished : card.value_or(fallback);
  };
  rpc::Sampling sampling;
  // Below this no token but the likeliest has any chance, and a logit divided by it would overflow.
  constexpr double kLeastTemperature = 1e-5;
  constexpr double kLeastFactor = 1e-30;  // as far as a float can go and leave logits finite
  const double temperature = pick(wish.temperature, defaults.temperature, 1.0);
  sampling.temperature = temperature < kLeastTemperature ? 0.0F : static_cast<float>(temperature);
  sampling.top_p =
      static_cast<float>(std::max(pick(wish.top_p, defaults.top_p, 1.0), kLeastFactor));
  const std::int64_t top_k = pick(wish.top_k, defaults.top_k, std::int64_t{0});
  sampling.top_k = static_cast<std::int32_t>(std::clamp<std::int64_t>(top_k, 0, INT32_MAX));
  sampling.repetition_penalty = static_cast<float>(
      std::max(pick(wish.repetition_penalty, defaults.repetition_penalty, 1.0), kLeastFactor));
  sampling.min_p = static_cast<float>(wish.min_p);
  sampling.presence_penalty = static_cast<float>(wish.presence_penalty);
  sampling.frequency_penalty = static_cast<float>(wish.frequency_penalty);
  sampling.seed = wish.seed.value_or(drawn_seed);
  return sampling;
}

}  // namespace penstock::frontend
