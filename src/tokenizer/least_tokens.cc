#include "tokenizer/least_tokens.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace penstock::tokenizer {
namespace {

// How often each byte occurs.
using Counts = std::array<std::uint64_t, 256>;

Counts counts_of(std::string_view word) noexcept {
  // Four tables: a run of one byte would wait for its own last count in one.
  std::array<Counts, 4> tables{};
  std::size_t i = 0;
  for (; i + 4 <= word.size(); i += 4) {
    for (std::size_t k = 0; k < 4; ++k) ++tables[k][static_cast<unsigned char>(word[i + k])];
  }
  for (; i < word.size(); ++i) ++tables[0][static_cast<unsigned char>(word[i])];
  for (std::size_t byte = 0; byte < 256; ++byte) {
    for (std::size_t k = 1; k < 4; ++k) tables[0][byte] += tables[k][byte];
  }
  return tables[0];
}

// The longest piece of which each byte is part, of those made of bytes that occur; the longest of
// nothing but the commonest byte.
struct Longest {
  Counts with{};
  std::uint64_t of_commonest = 0;
};

Longest longest_of(const TokenBytes& pieces, const Counts& counts, char commonest) noexcept {
  Longest longest;
  const auto occurs = [&counts](char byte) { return counts[static_cast<unsigned char>(byte)] > 0; };
  for (TokenId id = 0; id < pieces.size(); ++id) {
    const std::string_view piece = pieces[id];
    if (!std::ranges::all_of(piece, occurs)) continue;
    for (const char byte : piece) {
      std::uint64_t& most = longest.with[static_cast<unsigned char>(byte)];
      most = std::max<std::uint64_t>(most, piece.size());
    }
    if (piece.find_first_not_of(commonest) == std::string_view::npos) {
      longest.of_commonest = std::max<std::uint64_t>(longest.of_commonest, piece.size());
    }
  }
  return longest;
}

bool may_shorten(const NormalizerRule& rule) {
  if (std::holds_alternative<PrependRule>(rule)) return false;
  const auto* replace = std::get_if<ReplaceRule>(&rule);
  return replace == nullptr || replace->to.size() < replace->from.size();
}

bool may_remove(const PreTokenizerRule& rule) {
  const auto* split = std::get_if<SplitRule>(&rule);
  return split != nullptr && split->behavior == SplitBehavior::kRemoved;
}

}  // namespace

TextBound::TextBound(const Definition& definition, const TokenBytes& pieces, const Bpe& bpe) {
  for (std::size_t byte = 0; byte < keeps_.size(); ++byte) {
    keeps_[byte] = bpe.keeps(static_cast<char>(byte)) ? 1 : 0;
  }
  // A token that takes the whitespace around it takes as much as there is.
  const auto is_open = [](const AddedToken& token) { return token.lstrip || token.rstrip; };
  if (std::ranges::any_of(definition.normalizer, may_shorten) ||
      std::ranges::any_of(definition.pre_tokenizer, may_remove) ||
      std::ranges::any_of(definition.added, is_open)) {
    return;
  }
  for (const AddedToken& token : definition.added) {
    longest_ = std::max(longest_, token.content.size());
  }
  for (TokenId id = 0; id < pieces.size(); ++id) longest_ = std::max(longest_, pieces[id].size());
}

bool TextBound::exceeds(std::string_view text, std::size_t limit) const noexcept {
  if (longest_ == 0 || text.size() / longest_ <= limit) return false;
  constexpr std::size_t kBlock = 4096;
  const std::size_t enough = (limit + 1) * longest_;  // at most the text's own size
  std::size_t kept = 0;
  while (!text.empty() && kept < enough) {
    const std::string_view block = text.substr(0, kBlock);
    for (const char byte : block) kept += keeps_[static_cast<unsigned char>(byte)];
    text.remove_prefix(block.size());
  }
  return kept >= enough;
}

std::uint64_t least_tokens(std::string_view word, const TokenBytes& pieces,
                           const Bpe& bpe) noexcept {
  const Counts counts = counts_of(word);
  const auto commonest =
      static_cast<unsigned char>(std::ranges::max_element(counts) - counts.begin());
  const Longest longest = longest_of(pieces, counts, static_cast<char>(commonest));
  std::uint64_t by_shares = 0;  // each byte's rounded down
  for (std::size_t byte = 0; byte < counts.size(); ++byte) {
    if (longest.with[byte] == 0 || !bpe.keeps(static_cast<char>(byte))) continue;
    by_shares += counts[byte] / longest.with[byte];
  }
  if (longest.of_commonest == 0 || !bpe.keeps(static_cast<char>(commonest))) return by_shares;
  const std::uint64_t in_mixed = (word.size() - counts[commonest]) * longest.with[commonest];
  if (in_mixed >= counts[commonest]) return by_shares;
  return std::max(by_shares, (counts[commonest] - in_mixed) / longest.of_commonest);
}

}  // namespace penstock::tokenizer
