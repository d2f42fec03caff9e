// What a whole answer and a streamed one have in common: head, choices, finishes.
// Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "openai/choice_text.h"
#include "openai/request.h"
#include "openai/usage.h"

namespace penstock::openai {

struct AnswerHead {
  Api api = Api::kChat;
  std::string id{};  // "chatcmpl-..." or "cmpl-..."
  std::int64_t created = 0;
  std::string model{};
  std::string fingerprint{};  // system_fingerprint
  bool names_service_tier = false;
  bool says_not_stored = false;
};

struct AnswerOptions {
  bool include_usage = false;     // streams: the last chunk
  bool continuous_usage = false;  // streams: every chunk
  bool logprobs = false;
  bool tokens_as_token_ids = false;
  bool token_ids = false;
  bool prompt_logprobs = false;
  bool stop_reason = false;
};

// The stop string, or the id of the stop token; empty when neither ended the choice.
using StopReason = std::variant<std::monostate, std::string, TokenId>;

struct ChoiceEnd {
  FinishReason reason = FinishReason::kStop;
  StopReason stop{};
};

// "id":...,"object":...,"created":...,"model":...,"system_fingerprint":... and what the head
// asks for; no braces.
void append_head(std::string& out, const AnswerHead& head, std::string_view object);
void append_stop_reason(std::string& out, const StopReason& stop);
// The logprobs object in the API's shape, or null when there are none.
void append_logprobs(std::string& out, Api api, const AnswerOptions& options,
                     std::span<const TokenLogprob> tokens, std::uint64_t first_offset);
// "fp_" and the first 8 hex digits of a "sha256:..." digest.
[[nodiscard]] std::string system_fingerprint(std::string_view model_digest);

}  // namespace penstock::openai
