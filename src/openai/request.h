// What a validated request asks for, typed. Threading: values.
//
// Absent stays absent where the model's card has a say (sampling) or the prompt's length
// (max_tokens); every other default is filled in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/json.h"

namespace penstock::openai {

using TokenId = std::uint32_t;

enum class Api : std::uint8_t { kChat, kCompletions };

struct SamplingWish {
  std::optional<double> temperature;  // 0 = greedy
  std::optional<double> top_p;
  std::optional<std::int64_t> top_k;  // 0 = all
  std::optional<double> repetition_penalty;
  double min_p = 0;
  double frequency_penalty = 0;
  double presence_penalty = 0;
  std::optional<std::uint64_t> seed;
  std::vector<std::pair<TokenId, float>> logit_bias;
  std::vector<TokenId> allowed_token_ids;  // empty = all
  std::vector<std::string> bad_words;
};

struct StopWish {
  std::vector<std::string> strings;
  std::vector<TokenId> token_ids;
  std::uint32_t min_tokens = 0;
  bool include_string_in_output = false;
  bool ignore_eos = false;
};

struct OutputWish {
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;
  std::optional<std::uint32_t> logprobs;         // how many alternatives; absent = no logprobs
  std::optional<std::uint32_t> prompt_logprobs;  // the same of the prompt; not with `stream`
  bool echo_logprobs = false;                    // an echoed prompt has `logprobs` too
  bool token_ids = false;
  bool tokens_as_token_ids = false;
  bool skip_special_tokens = true;
  bool stop_reason = false;

  // How many alternatives of the prompt's tokens are to be computed; absent = no logprobs.
  [[nodiscard]] std::optional<std::uint32_t> computed_prompt_logprobs() const {
    if (!echo_logprobs) return prompt_logprobs;
    return std::max(prompt_logprobs.value_or(0), logprobs.value_or(0));
  }
};

struct AnnotationWish {
  bool request_id = false;
  bool formatted_prompt = false;
  bool token_ids = false;
};

// What the caller knows of a request; a header says it louder.
struct HintWish {
  std::optional<std::int32_t> priority;
  std::optional<std::uint32_t> strict_priority;
};

// A worker, or a rank of it, that a request insists on; `field` says so, for errors.
struct Pin {
  std::string field;
  std::uint64_t id = 0;
};
struct PinWish {
  std::optional<Pin> worker;
  std::optional<Pin> rank;
};

struct GenerationRequest {
  std::string model;
  std::optional<std::uint32_t> max_tokens;
  std::uint32_t n = 1;
  SamplingWish sampling;
  StopWish stop;
  OutputWish output;
  AnnotationWish annotations;
  HintWish hints;
  PinWish pins;
  std::string cache_salt;
  bool names_service_tier = false;  // the answer then says which tier it was
  bool wants_store = false;         // the answer then says that it was not stored
  std::vector<std::string> ignored_fields;
};

struct ChatRequest {
  GenerationRequest shared;
  text::Json::Array messages;          // validated; members with null are gone
  text::Json::Object template_fields;  // documents, reasoning_effort, verbosity
  text::Json::Object template_kwargs;
  std::optional<std::string> chat_template;  // in place of the model's
  bool add_generation_prompt = true;
  bool continue_final_message = false;
  bool use_raw_prompt = false;
  std::optional<std::vector<TokenId>> token_data;  // replaces template and tokenizer
};

using Prompt = std::variant<std::string, std::vector<TokenId>>;

struct CompletionRequest {
  GenerationRequest shared;
  std::vector<Prompt> prompts;  // at least one
  bool echo = false;
  bool add_special_tokens = true;
};

}  // namespace penstock::openai
