#include "tokenizer/prefix_token_cache.h"

#include <utility>

#include "base/check.h"

namespace penstock::tokenizer {

std::size_t PrefixTokenCache::cost_of(const Entry& entry) noexcept {
  constexpr std::size_t kListNode = sizeof(Entry) + 2 * sizeof(void*) + 16;
  constexpr std::size_t kMapNode = 2 * sizeof(std::uint64_t) + sizeof(void*) + 16;
  constexpr std::size_t kBuckets = 2 * sizeof(void*);  // at most as many as twice the entries
  return entry.segment->memory_bytes() + kListNode + kMapNode + kBuckets;
}

TokenSegmentRef PrefixTokenCache::remove(Entries::iterator entry) {
  used_bytes_ -= cost_of(*entry);
  by_key_.erase(entry->key);
  TokenSegmentRef segment = std::move(entry->segment);
  entries_.erase(entry);
  return segment;
}

std::vector<TokenSegmentRef> PrefixTokenCache::find(std::span<const std::uint64_t> keys) {
  std::vector<Entries::iterator> hits;
  for (const std::uint64_t key : keys) {
    const auto at = by_key_.find(key);
    if (at == by_key_.end()) break;
    hits.push_back(at->second);
  }
  std::vector<TokenSegmentRef> found;
  found.reserve(hits.size());
  for (const auto& hit : hits) found.push_back(hit->segment);
  while (!hits.empty()) {
    touch(hits.back());
    hits.pop_back();
  }
  return found;
}

std::vector<TokenSegmentRef> PrefixTokenCache::insert(std::span<const std::uint64_t> keys,
                                                      std::vector<TokenSegmentRef> segments) {
  CHECK(segments.size() <= keys.size(), "{} segments under {} keys", segments.size(), keys.size());
  std::vector<TokenSegmentRef> evicted;
  std::size_t number = keys.size();
  for (; !segments.empty(); segments.pop_back()) {
    const std::uint64_t key = keys[--number];
    if (const auto at = by_key_.find(key); at != by_key_.end()) {
      evicted.push_back(remove(at->second));
    }
    entries_.push_front({key, std::move(segments.back())});
    by_key_.emplace(key, entries_.begin());
    used_bytes_ += cost_of(entries_.front());
  }
  while (number > 0) {
    if (const auto at = by_key_.find(keys[--number]); at != by_key_.end()) touch(at->second);
  }
  while (used_bytes_ > budget_bytes_) evicted.push_back(remove(std::prev(entries_.end())));
  return evicted;
}

}  // namespace penstock::tokenizer
