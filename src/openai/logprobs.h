// Logprobs in the shapes of the API.
//
// Chat: {"content":[{"token","logprob","bytes","top_logprobs":[...]}],"refusal":null}.
// Completions: {"tokens":[...],"token_logprobs":[...],"top_logprobs":[{token: logprob}],
// "text_offset":[...]}, offsets in characters of the choice's text. A prompt's have one shape in
// both: [null,{"ID":{"logprob","rank","decoded_token"}},...], one member per token of the prompt.
// Threading: values and pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "openai/request.h"

namespace penstock::openai {

struct TokenAlternative {
  TokenId id = 0;
  std::string bytes;  // what the token stands for; any bytes
  float logprob = 0;
};

struct TokenLogprob {
  TokenId id = 0;
  std::string bytes;
  float logprob = 0;
  bool has_logprob = true;            // false: nothing precedes the token
  std::uint32_t rank = 0;             // tokens that are more likely
  std::uint64_t text_offset = 0;      // characters of the choice before this token
  std::vector<TokenAlternative> top;  // most likely first
};

// `as_ids`: tokens read "token_id:N" (return_tokens_as_token_ids).
void append_chat_logprobs(std::string& out, std::span<const TokenLogprob> tokens, bool as_ids);
// `first_offset` is added to each text_offset (an echoed prompt).
void append_completion_logprobs(std::string& out, std::span<const TokenLogprob> tokens, bool as_ids,
                                std::uint64_t first_offset = 0);
// `tokens`: the prompt's from the second on; nothing precedes the first, so it reads null. Each has
// the token of the prompt and, besides it, its most likely alternatives. Ranks count from 1.
void append_prompt_logprobs(std::string& out, std::span<const TokenLogprob> tokens);

}  // namespace penstock::openai
