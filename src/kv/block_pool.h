// The fixed set of KV blocks of one engine: who references which, and which are free.
//
// The pool counts references; the bytes of block i are extent i of an arena that belongs to the
// device. Blocks are handed out in LIFO order, so a small working set stays small.
// Threading: one owner, the engine thread; a BlockRef is dropped there too. All operations O(1).
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kv/ids.h"

namespace penstock::kv {

class BlockPool;

// One reference to a block; giving up the last one frees the block. Move-only: another reference
// is made on purpose, by BlockPool::share.
class [[nodiscard]] BlockRef final {
 public:
  BlockRef() = default;
  ~BlockRef() { reset(); }
  BlockRef(BlockRef&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), id_(other.id_) {}
  BlockRef& operator=(BlockRef&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      id_ = other.id_;
    }
    return *this;
  }

  [[nodiscard]] BlockId id() const noexcept { return id_; }
  [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }
  void reset() noexcept;

 private:
  friend class BlockPool;
  BlockRef(BlockPool* pool, BlockId id) noexcept : pool_(pool), id_(id) {}
  BlockPool* pool_ = nullptr;
  BlockId id_{};
};

class BlockPool final {
 public:
  explicit BlockPool(std::uint32_t num_blocks);
  ~BlockPool();  // every reference has been given back
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Empty when no block is free.
  [[nodiscard]] std::optional<BlockRef> allocate();
  // Another reference to a block that someone holds.
  [[nodiscard]] BlockRef share(const BlockRef& ref);

  [[nodiscard]] std::uint32_t num_blocks() const noexcept {
    return static_cast<std::uint32_t>(ref_counts_.size());
  }
  [[nodiscard]] std::uint32_t num_free() const noexcept {
    return static_cast<std::uint32_t>(free_.size());
  }
  [[nodiscard]] std::uint32_t num_active() const noexcept { return num_blocks() - num_free(); }
  [[nodiscard]] std::uint32_t ref_count(BlockId id) const;
  // Rises each time the block is handed out anew: a late reader of old bytes can tell.
  [[nodiscard]] std::uint64_t generation(BlockId id) const;

 private:
  friend class BlockRef;
  void release(BlockId id) noexcept;

  std::vector<std::uint32_t> ref_counts_;   // [num_blocks]
  std::vector<std::uint64_t> generations_;  // [num_blocks]
  std::vector<BlockId> free_;               // stack
};

}  // namespace penstock::kv
