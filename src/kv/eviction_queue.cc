#include "kv/eviction_queue.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::kv {

EvictionQueue::EvictionQueue(std::uint32_t num_blocks) : positions_(num_blocks, kAbsent) {
  heap_.reserve(num_blocks);
}

bool EvictionQueue::contains(BlockId block) const {
  CHECK(block.value() < positions_.size());
  return positions_[block.value()] != kAbsent;
}

void EvictionQueue::insert(BlockId block, EvictionKey key) {
  CHECK(!contains(block), "block {} is in the eviction queue", block.value());
  const Entry entry{key, block};
  heap_.push_back(entry);
  sift_up(heap_.size() - 1, entry);
}

void EvictionQueue::remove(BlockId block) {
  CHECK(contains(block), "block {} is not in the eviction queue", block.value());
  const std::size_t at = positions_[block.value()];
  positions_[block.value()] = kAbsent;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (at == heap_.size()) return;
  // The last entry comes from another branch: it may belong above the gap as well as below.
  if (at > 0 && last.key < heap_[(at - 1) / 2].key) {
    sift_up(at, last);
  } else {
    sift_down(at, last);
  }
}

std::optional<BlockId> EvictionQueue::pop() {
  if (heap_.empty()) return std::nullopt;
  const BlockId first = heap_.front().block;
  remove(first);
  return first;
}

void EvictionQueue::clear() noexcept {
  heap_.clear();
  std::ranges::fill(positions_, kAbsent);
}

void EvictionQueue::place(std::size_t at, const Entry& entry) {
  heap_[at] = entry;
  positions_[entry.block.value()] = static_cast<std::uint32_t>(at);
}

void EvictionQueue::sift_up(std::size_t at, const Entry& entry) {
  while (at > 0) {
    const std::size_t parent = (at - 1) / 2;
    if (heap_[parent].key <= entry.key) break;
    place(at, heap_[parent]);
    at = parent;
  }
  place(at, entry);
}

void EvictionQueue::sift_down(std::size_t at, const Entry& entry) {
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].key < heap_[child].key) ++child;
    if (entry.key <= heap_[child].key) break;
    place(at, heap_[child]);
    at = child;
  }
  place(at, entry);
}

}  // namespace penstock::kv
