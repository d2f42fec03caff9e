// The fixed set of KV blocks of one engine: who references which, which hold content worth keeping,
// and which are free.
//
//   free -- allocate --> active -- last reference goes --> cached, when its content is in the cache
//    ^                     |  ^                              |   |
//    +--- last reference --+  +----------- reference --------+   |
//    +----------------------------- evicted ---------------------+
//
// The pool counts references; the bytes of block i are extent i of an arena that belongs to the
// device. Free blocks are handed out in LIFO order, so a small working set stays small; when there
// are none, the cache gives up what is least worth keeping.
// Threading: one owner, the engine thread; a BlockRef is dropped there too. All operations O(1),
// but those that evict, O(log num_blocks).
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "kv/ids.h"
#include "kv/prefix_cache.h"

namespace penstock::kv {

class BlockPool;

// One reference to a block; with the last one the block is free, or cached. Move-only: another
// reference is made on purpose, by BlockPool::share.
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
  BlockPool(std::uint32_t num_blocks, std::uint32_t block_size);
  ~BlockPool();  // every reference has been given back
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Empty when every block is active. The content of the block is not in the cache any more.
  [[nodiscard]] std::optional<BlockRef> allocate();
  // Another reference to a block that someone holds.
  [[nodiscard]] BlockRef share(const BlockRef& ref);
  // A reference to a block whose content is in the cache, whether someone holds it or not. Chains
  // are referenced from their root on.
  [[nodiscard]] BlockRef reference(BlockId id);

  // Content of blocks; evicting and counting references are the pool's own.
  [[nodiscard]] PrefixCache& cache() noexcept { return cache_; }
  [[nodiscard]] const PrefixCache& cache() const noexcept { return cache_; }
  // Forgets all cached content: unreferenced blocks are free, referenced ones will be when they are
  // given back. Nothing may be pending. Returns how many blocks became free.
  std::uint32_t clear_cache();

  [[nodiscard]] std::uint32_t num_blocks() const noexcept {
    return static_cast<std::uint32_t>(ref_counts_.size());
  }
  // No content, no reference.
  [[nodiscard]] std::uint32_t num_free() const noexcept {
    return static_cast<std::uint32_t>(free_.size());
  }
  // Content, no reference.
  [[nodiscard]] std::uint32_t num_cached() const noexcept { return cache_.num_evictable(); }
  // Referenced.
  [[nodiscard]] std::uint32_t num_active() const noexcept { return num_blocks() - num_available(); }
  // Free or cached: what allocate() can still give.
  [[nodiscard]] std::uint32_t num_available() const noexcept { return num_free() + num_cached(); }
  [[nodiscard]] std::uint32_t ref_count(BlockId id) const;
  // Rises each time the block is handed out anew: a late reader of old bytes can tell.
  [[nodiscard]] std::uint64_t generation(BlockId id) const;

 private:
  friend class BlockRef;
  void release(BlockId id) noexcept;

  std::vector<BlockId> free_;  // a stack, with room for all
  std::vector<std::uint32_t> ref_counts_;
  std::vector<std::uint64_t> generations_;
  PrefixCache cache_;
};

}  // namespace penstock::kv
