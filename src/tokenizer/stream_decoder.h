// Tokens to text, one at a time, never half a character.
//
// push() returns the characters a token completes, "" while bytes are pending. The concatenation
// of all returns, finish() included, equals one decode of the whole. Threading: one owner.
#pragma once

#include <span>
#include <string>

#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {

class StreamDecoder final {
 public:
  // `tokenizer` outlives the decoder. `prompt_tail`: the last tokens before the output, so that
  // leading-space rules apply as in one decode of the whole.
  StreamDecoder(const Tokenizer& tokenizer, std::span<const TokenId> prompt_tail,
                bool skip_special_tokens);

  [[nodiscard]] std::string push(TokenId id);
  // The pending bytes; those that never completed a character become U+FFFD, once per run.
  [[nodiscard]] std::string finish();
  [[nodiscard]] bool has_pending() const noexcept { return !pending_.empty(); }

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_tokens_;
  std::string pending_;
};

}  // namespace penstock::tokenizer
