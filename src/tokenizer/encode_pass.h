// One text on its way to token ids. Threading: one owner, for one call.
#pragma once

#include <cstddef>
#include <vector>

#include "tokenizer/origin_view.h"
#include "tokenizer/tokenizer_impl.h"

namespace penstock::tokenizer {

// What a text with more tokens than the caller takes gives.
[[nodiscard]] std::unexpected<Error> too_many_tokens(std::size_t max_tokens);

class EncodePass final : private WordSink {
 public:
  EncodePass(const Tokenizer::Impl& tokenizer, std::size_t max_tokens)
      : tokenizer_(tokenizer), max_tokens_(max_tokens) {}

  // The tokens of `text`, valid UTF-8, of which `prefix` is done, or kResourceExhausted as soon as
  // they are too many.
  [[nodiscard]] Result<CutEncoding> run(const text::OriginText& text, EncodedPrefix prefix);

 private:
  // Each of these returns false when the limit is reached.
  [[nodiscard]] Result<bool> take_raw(OriginView part);
  [[nodiscard]] Result<bool> take_normalized(OriginView part, bool is_first);
  bool take_token(TokenId id);
  bool on_word(std::string_view word) override;
  // Whether `word` alone must pass the limit: seen before memory is spent on it.
  [[nodiscard]] bool is_hopeless(std::string_view word) const;

  const Tokenizer::Impl& tokenizer_;
  std::size_t max_tokens_;
  std::vector<TokenId> ids_;
  std::vector<CutPoint> cuts_;
};

}  // namespace penstock::tokenizer
