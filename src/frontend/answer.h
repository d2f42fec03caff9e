// The client's side of a request: an answer that grows by deltas and ends well or with an error.
//
// Two forms, fed the same way: StreamAnswer writes frames as they come, WholeAnswer folds them
// into one body. Exactly one of complete() and fail() ends an answer; after it nothing else is
// called. Threading: the exchange's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontend/echo.h"
#include "frontend/options.h"
#include "net/http_server.h"
#include "openai/answer_parts.h"
#include "openai/choice_text.h"
#include "openai/errors.h"
#include "openai/usage.h"

namespace penstock::frontend {

// What an answer says besides what was generated.
struct AnswerFrame {
  openai::AnswerHead head;
  openai::AnswerOptions options;
  net::HttpHeaders headers;  // ids and notes, of any status
  std::uint32_t num_prompts = 1;
  std::uint32_t choices_per_prompt = 1;
  std::vector<Echo> echo;                   // per prompt; empty without echo
  std::optional<std::uint32_t> echo_top;    // alternatives of an echo's tokens; absent: no logprobs
  std::optional<std::uint32_t> prompt_top;  // those of prompt_logprobs
  std::vector<std::vector<openai::TokenId>> prompt_token_ids;  // per prompt; empty unless asked
  // Event name and JSON text, before the first chunk of a stream.
  std::vector<std::pair<std::string, std::string>> annotations;

  [[nodiscard]] std::uint32_t num_choices() const noexcept {
    return num_prompts * choices_per_prompt;
  }
};

class Answer {
 public:
  virtual ~Answer() = default;

  virtual void add(std::uint32_t index, openai::Delta delta) = 0;
  // Logprobs of a prompt, from its second token on, for an echo or for prompt_logprobs; at the
  // latest with the first delta of the choice that brings them.
  virtual void add_prompt_logprobs(std::uint32_t prompt,
                                   std::vector<openai::TokenLogprob> logprobs) = 0;
  // The choice ends with what is left of it.
  virtual void end_choice(std::uint32_t index, openai::Delta rest, openai::ChoiceEnd end) = 0;
  // Sends what was added since, once per step. False when there was nothing to send.
  virtual bool flush() = 0;
  virtual void complete() = 0;
  virtual void fail(const openai::ApiError& error) = 0;
  // Tells a waiting client that the request lives, where the form allows it.
  virtual void keep_alive() = 0;
};

// `usage` is kept up to date by the caller and outlives the answer, as do `exchange`'s loop and
// `options`.
[[nodiscard]] std::unique_ptr<Answer> make_stream_answer(
    std::shared_ptr<net::HttpExchange> exchange, AnswerFrame frame, const openai::Usage& usage,
    const FrontendOptions& options);
[[nodiscard]] std::unique_ptr<Answer> make_whole_answer(std::shared_ptr<net::HttpExchange> exchange,
                                                        AnswerFrame frame,
                                                        const openai::Usage& usage,
                                                        const FrontendOptions& options);

}  // namespace penstock::frontend
