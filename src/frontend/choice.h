// One choice of a request while the worker runs it: tokens in, deltas out.
//
// Two ends are kept apart: the choice's own (has_ended, what the client sees) and the worker's
// (is_running, what the ledger counts); a stop string makes the first come before the second.
// Threading: the exchange's loop.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "openai/answer_parts.h"
#include "openai/choice_text.h"
#include "openai/request.h"
#include "rpc/messages.h"
#include "tokenizer/stream_decoder.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

class Choice final {
 public:
  // `tokenizer` and `stops` outlive it. `prompt` is read here only.
  Choice(const tokenizer::Tokenizer& tokenizer, const openai::StopStrings& stops,
         const openai::GenerationRequest& request, std::span<const openai::TokenId> prompt);

  struct Taken {
    std::uint32_t num_tokens = 0;  // new ones
    bool has_gap = false;          // tokens are missing before this output: nothing was taken
  };
  // Takes the new tokens of an output, up to a stop string; those seen before are skipped.
  [[nodiscard]] Taken take_tokens(const rpc::Output& output);

  // What may go out now.
  [[nodiscard]] openai::Delta take() { return text_.take(); }
  // Ends the choice; gives the rest. With a stop string found, what the text was before it.
  [[nodiscard]] openai::Delta end();

  [[nodiscard]] bool has_stop_string() const noexcept { return text_.has_stopped(); }
  [[nodiscard]] const std::string& stop_string() const { return text_.stop_string(); }
  [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
  [[nodiscard]] bool is_running() const noexcept { return is_running_; }
  [[nodiscard]] std::uint32_t num_tokens() const noexcept { return text_.num_tokens(); }
  void set_running(bool running) noexcept { is_running_ = running; }

 private:
  void push(openai::TokenId id, const rpc::TokenLogprobs* logprobs);

  const tokenizer::Tokenizer& tokenizer_;
  tokenizer::StreamDecoder decoder_;
  openai::ChoiceText text_;
  std::uint32_t num_top_ = 0;
  bool wants_logprobs_ = false;
  bool has_ended_ = false;
  bool is_running_ = false;
};

}  // namespace penstock::frontend
