// The blocks of one sequence, in order of position.
//
// Blocks at the front may be shared with other sequences and are then read-only; those a sequence
// still writes are its own. Blocks are given back from the end, as the prefix cache wants it.
// Threading: the engine thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kv/block_pool.h"

namespace penstock::kv {

class BlockTable final {
 public:
  explicit BlockTable(std::uint32_t block_size) noexcept : block_size_(block_size) {}
  ~BlockTable() { clear(); }
  BlockTable(BlockTable&&) noexcept = default;
  BlockTable& operator=(BlockTable&& other) noexcept;

  // Blocks that `num_tokens` tokens occupy.
  [[nodiscard]] static std::uint64_t blocks_for(std::uint64_t num_tokens,
                                                std::uint32_t block_size) noexcept {
    return (num_tokens + block_size - 1) / block_size;
  }

  // Blocks missing until `num_tokens` tokens have room.
  [[nodiscard]] std::uint32_t missing_for(std::uint32_t num_tokens) const noexcept;
  // Makes room for `num_tokens` tokens; false, with nothing taken, when the pool cannot.
  [[nodiscard]] bool grow_to(std::uint32_t num_tokens, BlockPool& pool);
  // Takes references to the first `num_blocks` blocks of `other`; this table must be empty.
  void share_prefix(const BlockTable& other, std::uint32_t num_blocks, BlockPool& pool);
  // The next block is this one.
  void append(BlockRef ref);
  // Block i is this one from now on: another holder's of equal content.
  void replace(std::uint32_t i, BlockRef ref);
  // Gives back all blocks from `num_blocks` on, the last first.
  void truncate(std::uint32_t num_blocks) noexcept;
  void clear() noexcept { truncate(0); }
  // Growth up to so many blocks allocates no memory.
  void reserve(std::uint32_t num_blocks);

  [[nodiscard]] std::uint32_t num_blocks() const noexcept {
    return static_cast<std::uint32_t>(refs_.size());
  }
  [[nodiscard]] std::uint32_t capacity_tokens() const noexcept {
    return num_blocks() * block_size_;
  }
  // Pool positions, as kernels read them.
  [[nodiscard]] std::span<const std::uint32_t> block_ids() const noexcept { return ids_; }

 private:
  std::uint32_t block_size_;
  std::vector<BlockRef> refs_;
  std::vector<std::uint32_t> ids_;  // of refs_, flat
};

}  // namespace penstock::kv
