// A text in segments, each ending behind a special token: how a cache of tokenized prefixes
// (prefix_token_cache.h) names them, tells that it holds the very same ones, and gets new ones.
//
//   const CutText cut(tokenizer, text, scope, seed);
//   const std::size_t n = cut.count_equal(cache.find(cut.keys()));   // and keep those n
//   encode_on(text, cut.join(found)) ... cut.make_segments(n, encoded) ... cache.insert(...)
//
// A key is XXH3-64 over a segment's bytes and where in it trusted text begins and ends, chained to
// the key before it; the first one to the scope. Keys only find: count_equal() compares the bytes,
// so a collision costs a hit and never gives wrong tokens. The seed is a secret of the process, so
// that nobody can make keys collide. Work is O(bytes) at some 10 GB/s.
//
// Threading: immutable; the text outlives it. Segments are immutable and shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "text/origin_text.h"
#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {

// Whose segments may be used for whom: equal only for the same tokenizer and the same salt. `salt`
// is the one of the request's KV blocks, so tokens are shared by those who share these.
struct CacheScope {
  CacheScope(std::string_view tokenizer_digest, std::string_view salt);
  Sha256Digest digest;
  friend bool operator==(const CacheScope&, const CacheScope&) = default;
};

struct TokenSegment {
  CacheScope scope;
  std::size_t begin = 0;  // in its text
  std::string bytes;
  std::vector<std::uint64_t> marks;  // where the origin of `bytes` changes, and to what
  std::vector<TokenId> token_ids;

  [[nodiscard]] std::size_t memory_bytes() const noexcept;
};
// Shared by the cache, other threads that join it, and nobody else.
using TokenSegmentRef = std::shared_ptr<const TokenSegment>;

class CutText final {
 public:
  // A segment is at least this long, so that what it costs to keep one stays in proportion.
  static constexpr std::size_t kMinSegmentBytes = 128;

  CutText(const Tokenizer& tokenizer, const text::OriginText& text, CacheScope scope,
          std::uint64_t seed);

  // One per segment, in order. What follows the last cut has none.
  [[nodiscard]] const std::vector<std::uint64_t>& keys() const noexcept { return keys_; }

  // How many of `found`, from the first on, are this text's own segments.
  [[nodiscard]] std::size_t count_equal(std::span<const TokenSegmentRef> found) const noexcept;
  // The prefix that `equal` segments make up.
  [[nodiscard]] EncodedPrefix join(std::span<const TokenSegmentRef> equal) const;
  // The segments from number `first` on, which begins with token number `first_token`, as far as
  // `encoded` could be cut there.
  [[nodiscard]] std::vector<TokenSegmentRef> make_segments(std::size_t first,
                                                           std::size_t first_token,
                                                           const CutEncoding& encoded) const;

 private:
  [[nodiscard]] std::size_t begin_of(std::size_t number) const noexcept {
    return number == 0 ? 0 : ends_[number - 1];
  }
  [[nodiscard]] std::string_view bytes_of(std::size_t number) const noexcept {
    const std::size_t begin = begin_of(number);
    return std::string_view(text_.bytes()).substr(begin, ends_[number] - begin);
  }
  [[nodiscard]] std::span<const std::uint64_t> marks_of(std::size_t number) const noexcept {
    const std::size_t begin = number == 0 ? 0 : mark_ends_[number - 1];
    return std::span(marks_).subspan(begin, mark_ends_[number] - begin);
  }
  // Of the segment that begins with `begin` and is the last of ends_.
  void add_marks(std::size_t begin);
  [[nodiscard]] bool is_equal(std::size_t number, const TokenSegment& segment) const noexcept;

  const text::OriginText& text_;
  const CacheScope scope_;
  std::vector<std::size_t> ends_;       // of the segments
  std::vector<std::uint64_t> marks_;    // of all segments, one after the other
  std::vector<std::size_t> mark_ends_;  // where those of each segment end
  std::vector<std::uint64_t> keys_;
};

}  // namespace penstock::tokenizer
