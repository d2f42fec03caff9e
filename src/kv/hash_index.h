// Which block holds the content of a sequence hash: a map of fixed capacity.
//
// Open addressing with linear probing over a power of two of slots, at most half of them taken.
// Erasing moves later entries of the run back instead of leaving marks, so a table that has been
// churned for days is as fast as a new one (Knuth, TAOCP 3, section 6.4, algorithm R).
// Threading: one owner. O(1) expected; nothing allocates after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "kv/ids.h"

namespace penstock::kv {

class HashIndex final {
 public:
  explicit HashIndex(std::uint32_t max_entries);

  [[nodiscard]] std::optional<BlockId> find(SequenceHash hash) const noexcept;
  // The hash must be absent and the table not full.
  void insert(SequenceHash hash, BlockId block);
  // The hash must be present.
  void erase(SequenceHash hash);
  void clear() noexcept;

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  static constexpr BlockId kNoBlock{0xFFFF'FFFF};
  struct Slot {
    SequenceHash hash;
    BlockId block = kNoBlock;  // kNoBlock: the slot is empty
  };

  // Sequence hashes are uniform already: their low bits say where to look first.
  [[nodiscard]] std::size_t home(SequenceHash hash) const noexcept {
    return static_cast<std::size_t>(hash.value()) & mask_;
  }
  // The slot of the hash, or the empty slot where it would go.
  [[nodiscard]] std::size_t slot_of(SequenceHash hash) const noexcept;

  std::size_t mask_;
  std::uint32_t max_entries_;
  std::uint32_t size_ = 0;
  std::vector<Slot> slots_;
};

}  // namespace penstock::kv
