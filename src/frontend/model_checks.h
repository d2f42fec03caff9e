// A request against its model: context, vocabulary, sampling defaults. Threading: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "discovery/model_card.h"
#include "openai/errors.h"
#include "openai/request.h"
#include "rpc/messages.h"

namespace penstock::frontend {

// Every id of logit_bias, stop_token_ids and allowed_token_ids exists; logprobs are within the
// card's limit.
[[nodiscard]] openai::ApiStatus check_against_card(const openai::GenerationRequest& request,
                                                   const discovery::ModelCard& card);

[[nodiscard]] openai::ApiStatus check_token_ids(std::span<const openai::TokenId> ids,
                                                std::uint32_t vocab_size, std::string_view path);

// `num_tokens` in words: "600", or "more than 70000" of a prompt that was not counted to its end.
[[nodiscard]] std::unexpected<openai::ApiError> prompt_too_long(std::string_view field,
                                                                std::string_view num_tokens,
                                                                std::uint32_t context_length);

// How many tokens a prompt of `num_prompt_tokens` may generate. `wanted`: max_tokens of the
// request; `fallback`: what holds when it is absent, at most what the context leaves.
struct TokenBudget {
  std::size_t num_prompt_tokens = 0;
  std::optional<std::uint32_t> wanted;
  std::optional<std::uint32_t> fallback;
  std::uint32_t min_tokens = 0;
  std::string_view prompt_field = "prompt";  // what the client calls it, for errors
};
[[nodiscard]] openai::ApiResult<std::uint32_t> allowed_tokens(const TokenBudget& budget,
                                                              std::uint32_t context_length);

// `defaults`: the card's, or none with --no-generation-config.
[[nodiscard]] rpc::Sampling resolve_sampling(const openai::SamplingWish& wish,
                                             const discovery::SamplingDefaults& defaults,
                                             std::uint64_t drawn_seed);

}  // namespace penstock::frontend
