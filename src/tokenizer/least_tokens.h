// Lower bounds of how many tokens a text or a word becomes, known without merging it.
//
// Of a text: no token stands for more bytes than the longest one, if no rule takes any out of the
// text on its way.
//
// Of a word: a token of n bytes is a piece of n bytes, all of which occur in the word. So if each
// byte counts for 1 / (bytes of the longest such piece that holds it), no token counts for more
// than 1, and the sum over the word is at most its number of tokens. Where nearly all bytes are one
// (a run of spaces), another count is closer: tokens with a different byte are at most as many as
// those bytes, and what they leave is cut into pieces of that one byte. Bytes that may vanish count
// for nothing. Threading: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/bpe.h"
#include "tokenizer/definition.h"
#include "tokenizer/vocabulary.h"

namespace penstock::tokenizer {

// A text before all else, normalizers too.
class TextBound final {
 public:
  TextBound(const Definition& definition, const TokenBytes& pieces, const Bpe& bpe);

  // Whether `text` surely becomes more than `limit` tokens. Looks at no more of it than that takes.
  [[nodiscard]] bool exceeds(std::string_view text, std::size_t limit) const noexcept;

 private:
  std::size_t longest_ = 0;                // in bytes; 0: rules may shorten a text first
  std::array<std::uint8_t, 256> keeps_{};  // 1 for a byte that is sure to end up in a token
};

// O(vocabulary + bytes of the word).
[[nodiscard]] std::uint64_t least_tokens(std::string_view word, const TokenBytes& pieces,
                                         const Bpe& bpe) noexcept;

}  // namespace penstock::tokenizer
