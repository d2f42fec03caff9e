// The body of an answer that is not streamed. Threading: pure functions.
#pragma once

#include <optional>
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
  ChoiceEnd end;
};

// What an answer says of a prompt, when asked.
struct WholePrompt {
  std::vector<TokenId> token_ids;
  // From the second token on; absent (null in the answer) when the prompt was not computed to its
  // end.
  std::optional<std::vector<TokenLogprob>> logprobs;
};

struct WholeAnswerParts {
  std::span<const WholeChoice> choices;  // prompt-major, equally many per prompt
  std::span<const WholePrompt> prompts;  // chat: one
};

// What is asked of a prompt stands at the top in chat. In completions, token ids stand in the first
// choice of their prompt, logprobs in each.
[[nodiscard]] std::string response_body(const AnswerHead& head, const AnswerOptions& options,
                                        const WholeAnswerParts& parts, const Usage& usage);

}  // namespace penstock::openai
