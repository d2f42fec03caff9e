// What one target holds, block by block and tier by tier: the map behind the KV event feed.
//
// A block may lie in several tiers, and in one tier more than once: a tier holds it from its first
// copy to its last. Threading: one owner. add and remove are O(1) expected.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "kv/ids.h"
#include "kv/kv_event.h"

namespace penstock::kv {

// Two sides that hold the same blocks in the same tiers have equal digests.
struct KvDigest {
  std::array<std::uint64_t, kNumTiers> num_blocks{};
  std::uint64_t sum = 0;  // wrapping, over all (block, tier): digest_term

  void add(SequenceHash hash, Tier tier) noexcept;
  void remove(SequenceHash hash, Tier tier) noexcept;
  friend bool operator==(const KvDigest&, const KvDigest&) = default;
};

// XXH3-64(LE64 sequence hash ++ u8 tier, 1337).
[[nodiscard]] std::uint64_t digest_term(SequenceHash hash, Tier tier) noexcept;

class KvContent final {
 public:
  struct Place {
    std::optional<SequenceHash> parent_hash;
    std::uint32_t position = 0;  // of its first token
  };

  // True for the first copy in this tier.
  bool add(const StoredBlock& block, const Place& place, Tier tier);
  // True for the last copy in this tier; nothing at all when there was none.
  std::optional<bool> remove(SequenceHash hash, Tier tier);
  void clear();

  [[nodiscard]] const KvDigest& digest() const noexcept { return digest_; }
  // Everything, as stored events of at most kMaxBlocksPerEvent blocks: tier by tier, parents before
  // their children, always in the same order. O(n log n).
  [[nodiscard]] std::vector<BlocksStored> chains() const;

 private:
  struct Entry {
    LocalHash local_hash;
    Place place;
    std::array<std::uint32_t, kNumTiers> num_copies{};
  };

  void append_chains(Tier tier, std::vector<BlocksStored>& out) const;

  std::unordered_map<SequenceHash, Entry> entries_;
  KvDigest digest_;
};

}  // namespace penstock::kv
