// Merges for a sentencepiece vocabulary, which has scores instead.
//
// Sentencepiece joins whichever neighbours make the piece of highest score. The same as ranked
// merges: every split of a piece into two pieces is a merge, higher scores first, of equal scores
// the longer left half first, then the longer right half, then the order of the vocabulary.
// Threading: pure functions.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace penstock::tokenizer {

// `scores` has one entry per piece. kUnsupported names a piece of more than kMaxScoredPiece bytes.
// O(sum of squared piece lengths).
inline constexpr std::size_t kMaxScoredPiece = 1024;
[[nodiscard]] Result<std::vector<std::pair<std::string_view, std::string_view>>> merges_from_scores(
    std::span<const std::string_view> pieces, std::span<const double> scores);

}  // namespace penstock::tokenizer
