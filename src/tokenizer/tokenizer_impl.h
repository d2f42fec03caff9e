// What a Tokenizer is made of. Included by tokenizer*.cc only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/definition.h"
#include "tokenizer/least_tokens.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace penstock::tokenizer {

struct Tokenizer::Impl {
  // kInvalid and kUnsupported name what in the definition cannot be built.
  [[nodiscard]] static Result<std::unique_ptr<Impl>> create(const Definition& definition);

  Impl(std::unique_ptr<const TokenBytes> pieces, std::unique_ptr<const TokenIndex> index, Bpe bpe,
       PreTokenizer pre_tokenizer, const Definition& definition);

  [[nodiscard]] std::optional<TokenId> find_token(std::string_view text) const noexcept;

  Alphabet alphabet;
  // What text leads to a token of the model, and the way back. Behind pointers: the index refers
  // to the bytes.
  std::unique_ptr<const TokenBytes> pieces;
  std::unique_ptr<const TokenIndex> index;
  Bpe bpe;
  // By id: a word that is this piece is this token, merged or not.
  std::vector<bool> is_whole_word;
  TextBound bound;

  // Matched before and after normalizing.
  AddedTokenMatcher raw_tokens;
  AddedTokenMatcher normalized_tokens;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;

  // What a token leaves in decoded text.
  TokenBytes texts;
  std::vector<bool> is_special;
  std::uint32_t strip_leading_spaces = 0;

  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
  SpecialTokens special;
  std::string digest;
};

}  // namespace penstock::tokenizer
