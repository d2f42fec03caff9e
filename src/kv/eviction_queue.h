// Blocks that may be evicted, the least worth keeping first.
//
// A binary heap that knows where each block is in it, so that a block which is used again leaves
// from the middle. Threading: one owner. insert, remove and pop are O(log num_blocks); nothing
// allocates after construction.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kv/ids.h"

namespace penstock::kv {

// Higher is kept longer.
using RetentionPriority = std::uint8_t;

// The smallest goes first; the tick of the last use is unique, so there are no ties.
struct EvictionKey {
  RetentionPriority priority = 0;
  std::uint64_t last_use = 0;
  friend auto operator<=>(const EvictionKey&, const EvictionKey&) = default;
};

class EvictionQueue final {
 public:
  explicit EvictionQueue(std::uint32_t num_blocks);

  // The block must not be in the queue.
  void insert(BlockId block, EvictionKey key);
  // The block must be in the queue.
  void remove(BlockId block);
  // Takes out the block with the smallest key.
  [[nodiscard]] std::optional<BlockId> pop();
  void clear() noexcept;

  [[nodiscard]] bool contains(BlockId block) const;
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

 private:
  static constexpr std::uint32_t kAbsent = 0xFFFF'FFFF;
  struct Entry {
    EvictionKey key;
    BlockId block;
  };

  void place(std::size_t at, const Entry& entry);
  void sift_up(std::size_t at, const Entry& entry);
  void sift_down(std::size_t at, const Entry& entry);

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> positions_;  // [num_blocks], in heap_
};

}  // namespace penstock::kv
