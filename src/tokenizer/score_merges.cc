#include "tokenizer/score_merges.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <unordered_map>

#include "base/check.h"

namespace penstock::tokenizer {
namespace {

struct Candidate {
  double score = 0;
  std::string_view left;
  std::string_view right;
  // Of equal splits: where the halves stand in the vocabulary.
  std::uint32_t piece = 0;
  std::uint32_t left_id = 0;
  std::uint32_t right_id = 0;
};

bool comes_before(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  // Lengths are in characters; within one piece bytes order alike, and across pieces of equal
  // score characters decide.
  const auto length = [](std::string_view text) {
    return std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  };
  const auto left_a = length(a.left);
  const auto left_b = length(b.left);
  if (left_a != left_b) return left_a > left_b;
  const auto right_a = length(a.right);
  const auto right_b = length(b.right);
  if (right_a != right_b) return right_a > right_b;
  return std::tie(a.piece, a.left_id, a.right_id) < std::tie(b.piece, b.left_id, b.right_id);
}

}  // namespace

Result<std::vector<std::pair<std::string_view, std::string_view>>> merges_from_scores(
    std::span<const std::string_view> pieces, std::span<const double> scores) {
  CHECK(pieces.size() == scores.size());
  std::unordered_map<std::string_view, std::uint32_t> ids;
  ids.reserve(pieces.size());
  for (std::uint32_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].size() > kMaxScoredPiece) {
      return make_error(ErrorCode::kUnsupported, "token {} has {} bytes; at most {} are supported",
                        id, pieces[id].size(), kMaxScoredPiece);
    }
    ids.emplace(pieces[id], id);
  }
  std::vector<Candidate> candidates;
  for (std::uint32_t id = 0; id < pieces.size(); ++id) {
    const std::string_view piece = pieces[id];
    if (piece.empty() || ids.at(piece) != id) continue;
    for (std::size_t at = 1; at < piece.size(); ++at) {
      if ((static_cast<unsigned char>(piece[at]) & 0xC0) == 0x80) continue;
      const auto left = ids.find(piece.substr(0, at));
      if (left == ids.end()) continue;
      const auto right = ids.find(piece.substr(at));
      if (right == ids.end()) continue;
      candidates.push_back(
          {scores[id], left->first, right->first, id, left->second, right->second});
    }
  }
  std::ranges::sort(candidates, comes_before);
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  merges.reserve(candidates.size());
  for (const Candidate& each : candidates) merges.emplace_back(each.left, each.right);
  return merges;
}

}  // namespace penstock::tokenizer
