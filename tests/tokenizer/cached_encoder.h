// Encodes as a frontend does, with a cache of prefixes; its lock left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/prefix_token_cache.h"

namespace penstock::tokenizer {

class CachedEncoder final {
 public:
  explicit CachedEncoder(std::size_t budget_bytes, std::uint64_t seed = 1)
      : cache_(budget_bytes), seed_(seed) {}

  Result<std::vector<TokenId>> encode(
      const Tokenizer& tokenizer, const text::OriginText& text, std::string_view salt = "",
      std::size_t max_tokens = std::numeric_limits<std::size_t>::max()) {
    const CutText cut(tokenizer, text, CacheScope(tokenizer.digest(), salt), seed_);
    auto equal = cache_.find(cut.keys());
    equal.resize(cut.count_equal(equal));
    EncodedPrefix prefix = cut.join(equal);
    num_cached_ = prefix.token_ids.size();
    ASSIGN_OR_RETURN(CutEncoding encoded, tokenizer.encode_on(text, std::move(prefix), max_tokens));
    auto segments = cut.make_segments(equal.size(), num_cached_, encoded);
    const std::size_t num_keys = equal.size() + segments.size();
    (void)cache_.insert(std::span(cut.keys()).first(num_keys), std::move(segments));
    return std::move(encoded.token_ids);
  }

  // Of the last text.
  [[nodiscard]] std::size_t num_cached() const { return num_cached_; }
  [[nodiscard]] const PrefixTokenCache& cache() const { return cache_; }

 private:
  PrefixTokenCache cache_;
  const std::uint64_t seed_;
  std::size_t num_cached_ = 0;
};

}  // namespace penstock::tokenizer
