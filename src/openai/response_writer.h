// The body of an answer that is not streamed. Threading: pure functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "openai/answer_parts.h"

namespace penstock::openai {

struct WholeChoice {
  std::string text;
  std::uint64_t first_offset = 0;  // characters of an echoed prompt at the text's begin
  std::vector<TokenLogprob> logprobs;
  std::vector<TokenId> token_ids;
  std::vector<TokenId> prompt_token_ids;  // completions: on the first choice of each prompt
  ChoiceEnd end;
};

// `prompt_token_ids`: chat, when asked; empty otherwise.
[[nodiscard]] std::string response_body(const AnswerHead& head, const AnswerOptions& options,
                                        std::span<const WholeChoice> choices, const Usage& usage,
                                        std::span<const TokenId> prompt_token_ids = {});

}  // namespace penstock::openai
