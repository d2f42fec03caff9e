#include "frontend/prefix_tokens.h"

#include <span>
#include <utility>

namespace penstock::frontend {

using tokenizer::CacheScope;
using tokenizer::CutEncoding;
using tokenizer::CutText;

Result<PrefixTokens::Encoded> PrefixTokens::encode(const tokenizer::Tokenizer& tokenizer,
                                                   const text::OriginText& text,
                                                   tokenizer::EncodeOptions options,
                                                   std::string_view salt) {
  // What a post-processor adds is for text without a template, and that has no cuts.
  if (!is_on_ || options.add_special_tokens) {
    ASSIGN_OR_RETURN(auto token_ids, tokenizer.encode(text, options));
    return Encoded{std::move(token_ids)};
  }
  const CutText cut(tokenizer, text, CacheScope(tokenizer.digest(), salt), seed_);
  Segments equal = find(cut);
  equal.resize(cut.count_equal(equal));
  tokenizer::EncodedPrefix prefix = cut.join(equal);
  const std::size_t num_cached = prefix.token_ids.size();
  ASSIGN_OR_RETURN(CutEncoding encoded,
                   tokenizer.encode_on(text, std::move(prefix), options.max_tokens));
  insert(cut, equal.size(), cut.make_segments(equal.size(), num_cached, encoded));
  return Encoded{std::move(encoded.token_ids), num_cached};
}

PrefixTokens::Segments PrefixTokens::find(const CutText& cut) {
  if (cut.keys().empty()) return {};
  const MutexLock lock(mutex_);
  return cache_.find(cut.keys());
}

void PrefixTokens::insert(const CutText& cut, std::size_t num_equal, Segments segments) {
  if (segments.empty()) return;
  const auto keys = std::span(cut.keys()).first(num_equal + segments.size());
  Segments evicted;  // freed behind the lock
  {
    const MutexLock lock(mutex_);
    evicted = cache_.insert(keys, std::move(segments));
  }
}

std::size_t PrefixTokens::used_bytes() const {
  const MutexLock lock(mutex_);
  return cache_.used_bytes();
}

}  // namespace penstock::frontend
