// Tokenizes prompts, and keeps the tokens of their beginnings for the next turn
// (--tokenizer-cache-mb).
//
// The same tokens and errors as Tokenizer::encode(). Who may hit what: a request finds only what
// requests with its own salt left, the salt that also parts KV blocks (access/cache_salt.h), so how
// long tokenizing takes tells a tenant about its own prompts and those of tenants that share
// publicly. The room for it is common to all.
//
// Threading: any thread. The lock is held to look up and to insert, not to hash, compare, tokenize
// or free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "text/origin_text.h"
#include "tokenizer/prefix_token_cache.h"
#include "tokenizer/tokenizer.h"

namespace penstock::frontend {

class PrefixTokens final {
 public:
  // A budget of 0 switches it off. `seed`: random bits, of this process alone.
  PrefixTokens(std::size_t budget_bytes, std::uint64_t seed)
      : is_on_(budget_bytes > 0), seed_(seed), cache_(budget_bytes) {}

  struct Encoded {
    std::vector<tokenizer::TokenId> token_ids;
    std::size_t num_cached = 0;  // the first ones, that were kept
  };
  [[nodiscard]] Result<Encoded> encode(const tokenizer::Tokenizer& tokenizer,
                                       const text::OriginText& text,
                                       tokenizer::EncodeOptions options, std::string_view salt);

  [[nodiscard]] bool is_on() const noexcept { return is_on_; }
  [[nodiscard]] std::size_t used_bytes() const;

 private:
  using Segments = std::vector<tokenizer::TokenSegmentRef>;
  [[nodiscard]] Segments find(const tokenizer::CutText& cut);
  void insert(const tokenizer::CutText& cut, std::size_t num_equal, Segments segments);

  const bool is_on_;
  const std::uint64_t seed_;
  mutable Mutex mutex_;
  tokenizer::PrefixTokenCache cache_ GUARDED_BY(mutex_);
};

}  // namespace penstock::frontend
