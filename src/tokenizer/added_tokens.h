// Finds added tokens in a text: the leftmost, and of those the longest.
//
// Work is O(bytes * longest token) at worst, and one look per byte where no token can begin.
// Threading: immutable; share freely.
#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "tokenizer/definition.h"
#include "tokenizer/origin_view.h"

namespace penstock::tokenizer {

class AddedTokenMatcher final {
 public:
  // Tokens without text are left out; of equal texts the first counts.
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  struct Match {
    std::size_t begin = 0;  // with the whitespace that lstrip and rstrip take
    std::size_t end = 0;
    TokenId id = 0;
  };
  // All matches, in order, apart from each other. Special tokens match inside one trusted span
  // only, others anywhere.
  [[nodiscard]] std::vector<Match> find_all(OriginView text) const;

  // The token that is exactly `content`.
  [[nodiscard]] const AddedToken* find(std::string_view content) const noexcept;
  [[nodiscard]] const std::vector<AddedToken>& tokens() const noexcept { return tokens_; }

 private:
  [[nodiscard]] const AddedToken* longest_at(OriginView text, std::size_t at) const noexcept;
  [[nodiscard]] std::size_t next_candidate(std::string_view text, std::size_t at) const noexcept;

  std::vector<AddedToken> tokens_;  // sorted by content
  std::bitset<256> first_bytes_;
  // The first byte, when all tokens share it.
  std::optional<char> only_first_byte_;
};

}  // namespace penstock::tokenizer
