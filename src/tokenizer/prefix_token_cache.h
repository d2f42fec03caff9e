// Tokenized prefixes of prompts, so that a growing chat costs only its new turn.
//
// Holds TokenSegments by their chained keys (cut_text.h): a segment is found only behind all those
// before it. Turns and prompts share the segments of what they have in common. Within the budget,
// which counts what a segment and its place here take; the least recently used goes first, of one
// chain its last.
//
// Threading: one owner at a time; calls are short (no text is looked at), so a lock around each is
// enough. What insert() returns is meant to be destroyed outside of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "tokenizer/cut_text.h"

namespace penstock::tokenizer {

class PrefixTokenCache final {
 public:
  explicit PrefixTokenCache(std::size_t budget_bytes) : budget_bytes_(budget_bytes) {}
  PrefixTokenCache(const PrefixTokenCache&) = delete;
  PrefixTokenCache& operator=(const PrefixTokenCache&) = delete;

  // The segments of the leading keys that are here, up to the first that is not. Keys are hashes:
  // the caller compares (CutText::count_equal).
  [[nodiscard]] std::vector<TokenSegmentRef> find(std::span<const std::uint64_t> keys);

  // Puts `segments` in under the last keys, one each; the keys before those were found. One that is
  // here already is replaced: it may be another text's. Returns what fell out.
  [[nodiscard]] std::vector<TokenSegmentRef> insert(std::span<const std::uint64_t> keys,
                                                    std::vector<TokenSegmentRef> segments);

  // At most the budget.
  [[nodiscard]] std::size_t used_bytes() const noexcept { return used_bytes_; }
  [[nodiscard]] std::size_t num_segments() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t key = 0;
    TokenSegmentRef segment;
  };
  using Entries = std::list<Entry>;

  [[nodiscard]] static std::size_t cost_of(const Entry& entry) noexcept;
  void touch(Entries::iterator entry) { entries_.splice(entries_.begin(), entries_, entry); }
  [[nodiscard]] TokenSegmentRef remove(Entries::iterator entry);

  const std::size_t budget_bytes_;
  std::size_t used_bytes_ = 0;
  // Last used first. Of a chain, each comes before the next: its end is evicted first.
  Entries entries_;
  std::unordered_map<std::uint64_t, Entries::iterator> by_key_;
};

}  // namespace penstock::tokenizer
