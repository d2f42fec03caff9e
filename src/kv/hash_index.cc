#include "kv/hash_index.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace penstock::kv {

HashIndex::HashIndex(std::uint32_t max_entries)
    : mask_(std::bit_ceil(std::max<std::size_t>(std::size_t{max_entries} * 2, 2)) - 1),
      max_entries_(max_entries),
      slots_(mask_ + 1) {}

std::size_t HashIndex::slot_of(SequenceHash hash) const noexcept {
  std::size_t at = home(hash);
  while (slots_[at].block != kNoBlock && slots_[at].hash != hash) at = (at + 1) & mask_;
  return at;
}

std::optional<BlockId> HashIndex::find(SequenceHash hash) const noexcept {
  const Slot& slot = slots_[slot_of(hash)];
  if (slot.block == kNoBlock) return std::nullopt;
  return slot.block;
}

void HashIndex::insert(SequenceHash hash, BlockId block) {
  CHECK(size_ < max_entries_ && block != kNoBlock);
  Slot& slot = slots_[slot_of(hash)];
  CHECK(slot.block == kNoBlock, "sequence hash {:016x} is in the index", hash.value());
  slot = {hash, block};
  ++size_;
}

void HashIndex::erase(SequenceHash hash) {
  std::size_t hole = slot_of(hash);
  CHECK(slots_[hole].block != kNoBlock, "sequence hash {:016x} is not in the index", hash.value());
  // An entry may fill the hole unless its home lies behind it: probing for it starts there.
  for (std::size_t at = (hole + 1) & mask_; slots_[at].block != kNoBlock; at = (at + 1) & mask_) {
    const std::size_t from_home = (at - home(slots_[at].hash)) & mask_;
    const std::size_t from_hole = (at - hole) & mask_;
    if (from_home < from_hole) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
  --size_;
}

void HashIndex::clear() noexcept {
  std::ranges::fill(slots_, Slot{});
  size_ = 0;
}

}  // namespace penstock::kv
