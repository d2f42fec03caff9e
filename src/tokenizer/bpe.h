// Byte-pair encoding of one word.
//
// Starting from one token per byte (or character), the neighbouring pair of lowest rank merges,
// the leftmost of equals first, until no pair has a rank: Sennrich et al., "Neural Machine
// Translation of Rare Words with Subword Units", section 3.2. Short words scan an array; long
// ones keep a heap over a linked list, O(n log n). Threading: immutable; share freely.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "tokenizer/definition.h"
#include "tokenizer/vocabulary.h"

namespace penstock::tokenizer {

class Bpe final {
 public:
  // `index`: the model's own tokens by what they stand for; used here only. Takes alphabet, merges
  // and unk from the definition. kInvalid names a merge that the vocabulary does not hold.
  [[nodiscard]] static Result<Bpe> create(const Definition& definition, const TokenBytes& bytes,
                                          const TokenIndex& index);

  // Appends the tokens of `word`.
  void encode(std::string_view word, std::vector<TokenId>& out) const;

  // Whether a byte of a word is sure to end up in a token.
  [[nodiscard]] bool keeps(char byte) const noexcept {
    return byte_tokens_[static_cast<unsigned char>(byte)] != kNoToken;
  }

 private:
  static constexpr TokenId kNoToken = 0xFFFF'FFFF;

  explicit Bpe(std::size_t max_merges) : merges_(max_merges) {}
  // What the word is before any merge.
  void append_symbols(std::string_view word, std::vector<TokenId>& out) const;
  void append_unknown(std::vector<TokenId>& out, bool& after_unknown) const;
  // Merges symbols[0, n) in place; returns how many are left.
  [[nodiscard]] std::size_t merge_short(std::span<TokenId> symbols) const noexcept;
  [[nodiscard]] std::size_t merge_long(std::span<TokenId> symbols) const;

  MergeTable merges_;
  std::array<TokenId, 256> byte_tokens_{};
  // Plain alphabet only: the token of each character that is one.
  std::unordered_map<char32_t, TokenId> character_tokens_;
  Alphabet alphabet_ = Alphabet::kByteLevel;
  TokenId unk_ = kNoToken;
  bool fuse_unk_ = false;
};

}  // namespace penstock::tokenizer
