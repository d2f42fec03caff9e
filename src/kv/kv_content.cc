#include "kv/kv_content.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <span>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "base/hash.h"
#include "kv/sequence_hash.h"

namespace penstock::kv {

std::uint64_t digest_term(SequenceHash hash, Tier tier) noexcept {
  std::array<std::byte, 9> bytes{};
  const std::uint64_t value = hash.value();
  std::memcpy(bytes.data(), &value, sizeof(value));
  bytes.back() = static_cast<std::byte>(tier);
  return xxh3_64(std::span<const std::byte>(bytes), kChainSeed);
}

void KvDigest::add(SequenceHash hash, Tier tier) noexcept {
  ++num_blocks[static_cast<std::size_t>(tier)];
  sum += digest_term(hash, tier);
}

void KvDigest::remove(SequenceHash hash, Tier tier) noexcept {
  --num_blocks[static_cast<std::size_t>(tier)];
  sum -= digest_term(hash, tier);
}

bool KvContent::add(const StoredBlock& block, const Place& place, Tier tier) {
  Entry& entry =
      entries_.try_emplace(block.sequence_hash, Entry{block.local_hash, place, {}}).first->second;
  if (entry.num_copies[static_cast<std::size_t>(tier)]++ > 0) return false;
  digest_.add(block.sequence_hash, tier);
  return true;
}

std::optional<bool> KvContent::remove(SequenceHash hash, Tier tier) {
  const auto it = entries_.find(hash);
  if (it == entries_.end()) return std::nullopt;
  std::uint32_t& num_copies = it->second.num_copies[static_cast<std::size_t>(tier)];
  if (num_copies == 0) return std::nullopt;
  if (--num_copies > 0) return false;
  digest_.remove(hash, tier);
  if (std::ranges::all_of(it->second.num_copies, [](std::uint32_t n) { return n == 0; })) {
    entries_.erase(it);
  }
  return true;
}

void KvContent::clear() {
  entries_.clear();
  digest_ = {};
}

std::vector<BlocksStored> KvContent::chains() const {
  std::vector<BlocksStored> out;
  for (std::size_t tier = 0; tier < kNumTiers; ++tier) append_chains(static_cast<Tier>(tier), out);
  return out;
}

// In the order of positions every block comes after its parent; so does every chain that starts at
// the first block not taken yet and runs on from child to child.
void KvContent::append_chains(Tier tier, std::vector<BlocksStored>& out) const {
  using Item = std::pair<const SequenceHash, Entry>;
  std::vector<const Item*> items;
  for (const Item& item : entries_) {
    if (item.second.num_copies[static_cast<std::size_t>(tier)] > 0) items.push_back(&item);
  }
  std::ranges::sort(items, std::less(), [](const Item* item) {
    return std::tuple(item->second.place.position, item->first);
  });
  std::unordered_map<SequenceHash, const Item*> first_children;
  for (const Item* item : items) {
    if (item->second.place.parent_hash) {
      first_children.try_emplace(*item->second.place.parent_hash, item);
    }
  }
  std::unordered_set<const Item*> taken;
  for (const Item* start : items) {
    if (taken.contains(start)) continue;
    const Place& place = start->second.place;
    BlocksStored chain{place.parent_hash, place.position, tier, {}};
    for (const Item* item = start; chain.blocks.size() < kMaxBlocksPerEvent;) {
      taken.insert(item);
      chain.blocks.push_back({item->first, item->second.local_hash});
      const auto next = first_children.find(item->first);
      if (next == first_children.end() || taken.contains(next->second)) break;
      item = next->second;
    }
    out.push_back(std::move(chain));
  }
}

}  // namespace penstock::kv
