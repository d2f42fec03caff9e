// Tokens to text, one at a time, never half a character.
//
// push() returns the characters a token completes, "" while bytes are pending. The concatenation
// of all returns, finish() included, equals one decode of the whole: Tokenizer::decode() of the
// output, less the leading spaces that belong to a prompt before it. Bytes that can no longer
// become a character are U+FFFD, once per run, as soon as that is certain.
// Threading: one owner.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {

class StreamDecoder final {
 public:
  // `tokenizer` outlives the decoder. `prompt_tail`: the last tokens before the output, so that
  // leading-space rules apply as in one decode of the whole. Bytes of the prompt that never
  // completed a character stay the prompt's.
  StreamDecoder(const Tokenizer& tokenizer, std::span<const TokenId> prompt_tail,
                bool skip_special_tokens);

  // `id` is below the tokenizer's vocab_size().
  [[nodiscard]] std::string push(TokenId id);
  // The pending bytes, which never completed a character, as U+FFFD; then nothing is pending.
  [[nodiscard]] std::string finish();
  [[nodiscard]] bool has_pending() const noexcept { return !pending_.empty(); }

 private:
  // The text that `id` leaves, without what the start of the text drops.
  [[nodiscard]] std::string_view text_of(TokenId id);

  const Tokenizer* tokenizer_;
  bool skip_special_tokens_;
  // How many more spaces the start of the text drops; 0 once it has begun.
  std::uint32_t spaces_to_drop_;
  // The last bytes were ill-formed: those that follow them get no U+FFFD of their own.
  bool in_ill_formed_run_ = false;
  std::string pending_;  // at most 3 bytes between calls
};

}  // namespace penstock::tokenizer
