#include "tokenizer/cut_text.h"

#include <algorithm>

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;

Sha256Digest scope_digest(std::string_view tokenizer_digest, std::string_view salt) {
  constexpr std::string_view kEnd("\0", 1);  // in no digest
  Sha256 hash;
  hash.update(tokenizer_digest);
  hash.update(kEnd);
  hash.update(salt);
  return std::move(hash).finish();
}

}  // namespace

CacheScope::CacheScope(std::string_view tokenizer_digest, std::string_view salt)
    : digest(scope_digest(tokenizer_digest, salt)) {}

std::size_t TokenSegment::memory_bytes() const noexcept {
  constexpr std::size_t kAllocations = 4 * 16;  // headers of this and the three below
  return sizeof(TokenSegment) + kAllocations + bytes.capacity() +
         marks.capacity() * sizeof(std::uint64_t) + token_ids.capacity() * sizeof(TokenId);
}

CutText::CutText(const Tokenizer& tokenizer, const OriginText& text, CacheScope scope,
                 std::uint64_t seed)
    : text_(text), scope_(scope) {
  std::uint64_t key = xxh3_64(std::span<const std::byte>(scope_.digest), seed);
  std::size_t begin = 0;
  for (const std::size_t cut : tokenizer.find_cuts(text)) {
    if (cut - begin < kMinSegmentBytes) continue;
    ends_.push_back(cut);
    add_marks(begin);
    const std::size_t number = ends_.size() - 1;
    key = xxh3_64(std::as_bytes(marks_of(number)), xxh3_64(bytes_of(number), key));
    keys_.push_back(key);
    begin = cut;
  }
}

// One for each span in the segment: twice where it ends there, plus 1 if it is trusted.
void CutText::add_marks(std::size_t begin) {
  const std::size_t end = ends_.back();
  const auto& spans = text_.spans();
  auto span = std::ranges::upper_bound(spans, begin, {}, &OriginText::Span::end);
  for (std::size_t at = begin; at < end; ++span) {
    at = std::min(span->end, end);
    const bool is_trusted = span->origin == Origin::kTrusted;
    marks_.push_back(std::uint64_t{at - begin} << 1 | (is_trusted ? 1U : 0U));
  }
  mark_ends_.push_back(marks_.size());
}

bool CutText::is_equal(std::size_t number, const TokenSegment& segment) const noexcept {
  return segment.begin == begin_of(number) && segment.scope == scope_ &&
         std::ranges::equal(segment.marks, marks_of(number)) && segment.bytes == bytes_of(number);
}

std::size_t CutText::count_equal(std::span<const TokenSegmentRef> found) const noexcept {
  const std::size_t most = std::min(found.size(), ends_.size());
  std::size_t number = 0;
  while (number < most && is_equal(number, *found[number])) ++number;
  return number;
}

EncodedPrefix CutText::join(std::span<const TokenSegmentRef> equal) const {
  EncodedPrefix prefix;
  prefix.num_bytes = begin_of(equal.size());
  std::size_t num_tokens = 0;
  for (const TokenSegmentRef& segment : equal) num_tokens += segment->token_ids.size();
  // With room for the rest, of which encode_on() expects less than this.
  prefix.token_ids.reserve(num_tokens + (text_.bytes().size() - prefix.num_bytes) / 2 + 16);
  for (const TokenSegmentRef& segment : equal) {
    prefix.token_ids.insert(prefix.token_ids.end(), segment->token_ids.begin(),
                            segment->token_ids.end());
  }
  return prefix;
}

std::vector<TokenSegmentRef> CutText::make_segments(std::size_t first, std::size_t first_token,
                                                    const CutEncoding& encoded) const {
  std::vector<TokenSegmentRef> segments;
  auto cut = encoded.cuts.begin();
  for (std::size_t number = first; number < ends_.size(); ++number) {
    cut =
        std::ranges::lower_bound(cut, encoded.cuts.end(), ends_[number], {}, &CutPoint::num_bytes);
    if (cut == encoded.cuts.end() || cut->num_bytes != ends_[number]) break;
    const auto ids = encoded.token_ids.begin();
    const auto marks = marks_of(number);
    segments.push_back(std::make_shared<const TokenSegment>(
        TokenSegment{.scope = scope_,
                     .begin = begin_of(number),
                     .bytes = std::string(bytes_of(number)),
                     .marks = {marks.begin(), marks.end()},
                     .token_ids = {ids + static_cast<std::ptrdiff_t>(first_token),
                                   ids + static_cast<std::ptrdiff_t>(cut->num_tokens)}}));
    first_token = cut->num_tokens;
  }
  return segments;
}

}  // namespace penstock::tokenizer
