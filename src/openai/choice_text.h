// One choice's output between the detokenizer and the answer: which text, logprobs and token ids
// may go out now.
//
// Per step: push() each token with the text it completed, then take() one delta. A logprob goes
// out with the delta that completes its token's text (http-api, section 7, rule 9); one whose text
// is part of a matched stop string, and that of the stop token itself, goes nowhere. Token ids are
// all that were generated. Threading: one owner.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "openai/logprobs.h"
#include "openai/request.h"
#include "openai/stop_matcher.h"

namespace penstock::openai {

struct Delta {
  std::string text{};
  std::vector<TokenLogprob> logprobs{};
  std::vector<TokenId> token_ids{};

  [[nodiscard]] bool empty() const noexcept {
    return text.empty() && logprobs.empty() && token_ids.empty();
  }
};

struct ChoiceTextOptions {
  bool include_stop_string = false;
  std::uint32_t min_tokens = 0;  // stop strings sleep for the text of this many tokens
  bool keep_token_ids = false;
};

class ChoiceText final {
 public:
  // `stops` outlives it.
  ChoiceText(const StopStrings& stops, ChoiceTextOptions options);

  // `text` is what `id` completed; `has_pending`: bytes of it wait for the next token.
  void push(TokenId id, std::string_view text, bool has_pending);
  // The same with a logprob, when they were asked for.
  void push(TokenId id, std::string_view text, bool has_pending, TokenLogprob logprob);
  // A stop token: counted and reported as an id, without text.
  void push_stop_token(TokenId id);
  // The output has ended without a stop string: `rest` is what the detokenizer still had, and
  // nothing is held any more.
  void end(std::string_view rest);

  // What may go out since the last call. Logprobs and ids of tokens without text wait for text,
  // as a delta without any is not sent.
  [[nodiscard]] Delta take();
  // All that is left, text or not: goes out with the finish.
  [[nodiscard]] Delta take_last();

  [[nodiscard]] bool has_stopped() const noexcept { return matcher_.has_matched(); }
  // Of the stop string that matched; only after has_stopped().
  [[nodiscard]] const std::string& stop_string() const;
  [[nodiscard]] std::uint32_t num_tokens() const noexcept { return num_tokens_; }

 private:
  struct Waiting {
    std::uint64_t release_at = 0;  // goes out once this many bytes of text have
    TokenLogprob logprob;
  };

  void count(TokenId id);
  void push_text(std::string_view text);

  const StopStrings* stops_;
  ChoiceTextOptions options_;
  StopMatcher matcher_;
  Delta next_;
  std::deque<Waiting> waiting_;
  std::uint64_t decoded_bytes_ = 0;
  std::uint64_t decoded_chars_ = 0;
  std::uint64_t released_bytes_ = 0;
  std::uint32_t num_tokens_ = 0;
};

}  // namespace penstock::openai
