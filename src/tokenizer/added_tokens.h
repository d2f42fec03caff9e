// Finds added tokens in a text: the leftmost, and of those the longest.
//
// Work is O(bytes * longest token) at worst, and one look per byte where no token can begin.
//
// A match "ends clean" when nothing behind it could have changed it or what comes before it, and
// nothing before its end changes what is found behind it. So it is for a special token that
//   - no other token contains but at its very end: neither a longer token nor one that begins
//     earlier can take its place, whatever follows;
//   - takes no whitespace behind it and need not look at the character there;
//   - ends in a character that is neither whitespace nor part of a word: an rstrip token before it
//     takes nothing beyond its end, and what follows it touches no word.
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
    bool ends_clean = false;
  };
  // All matches, in order, apart from each other. Special tokens match inside one trusted span
  // only, others anywhere. `from`: 0, or the end of a match that ends clean, to find those after.
  [[nodiscard]] std::vector<Match> find_all(OriginView text, std::size_t from = 0) const;

  // The token that is exactly `content`.
  [[nodiscard]] const AddedToken* find(std::string_view content) const noexcept;
  [[nodiscard]] const std::vector<AddedToken>& tokens() const noexcept { return tokens_; }

 private:
  template <class Visit>
  void for_each_beginning(std::string_view rest, Visit visit) const;
  [[nodiscard]] std::vector<bool> find_clean() const;
  [[nodiscard]] std::size_t index_of(const AddedToken& token) const noexcept {
    return static_cast<std::size_t>(&token - tokens_.data());
  }
  [[nodiscard]] const AddedToken* longest_at(OriginView text, std::size_t at) const noexcept;
  [[nodiscard]] std::size_t next_candidate(std::string_view text, std::size_t at) const noexcept;

  std::vector<AddedToken> tokens_;  // sorted by content
  std::vector<bool> is_clean_;      // of tokens_: its matches end clean
  std::bitset<256> first_bytes_;
  // The first byte, when all tokens share it.
  std::optional<char> only_first_byte_;
};

}  // namespace penstock::tokenizer
