#include "kv/block_pool.h"

#include "base/check.h"

namespace penstock::kv {

void BlockRef::reset() noexcept {
  if (pool_ != nullptr) std::exchange(pool_, nullptr)->release(id_);
}

BlockPool::BlockPool(std::uint32_t num_blocks, std::uint32_t block_size)
    : ref_counts_(num_blocks, 0), generations_(num_blocks, 0), cache_(num_blocks, block_size) {
  free_.reserve(num_blocks);
  for (std::uint32_t i = num_blocks; i > 0; --i) free_.emplace_back(i - 1);
}

BlockPool::~BlockPool() {
  CHECK(num_active() == 0, "kv invariant 1: {} blocks are still referenced", num_active());
}

std::optional<BlockRef> BlockPool::allocate() {
  BlockId id;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
  } else if (const std::optional<BlockId> evicted = cache_.evict()) {
    id = *evicted;
  } else {
    return std::nullopt;
  }
  CHECK(ref_counts_[id.value()] == 0, "kv invariant 2: free block {} is referenced", id.value());
  ref_counts_[id.value()] = 1;
  ++generations_[id.value()];
  return BlockRef(this, id);
}

BlockRef BlockPool::share(const BlockRef& ref) {
  CHECK(ref.pool_ == this, "kv invariant 3: a reference belongs to its own pool");
  ++ref_counts_[ref.id().value()];
  return {this, ref.id()};
}

BlockRef BlockPool::reference(BlockId id) {
  CHECK(cache_.contains(id), "kv invariant 2: block {} holds no content to reference", id.value());
  if (ref_counts_[id.value()]++ == 0) cache_.on_referenced(id);
  return {this, id};
}

std::uint32_t BlockPool::clear_cache() {
  const std::uint32_t before = num_free();
  cache_.clear(free_);
  return num_free() - before;
}

void BlockPool::release(BlockId id) noexcept {
  std::uint32_t& count = ref_counts_[id.value()];
  CHECK(count > 0, "kv invariant 2: block {} is given back twice", id.value());
  if (--count == 0 && !cache_.on_unreferenced(id)) free_.push_back(id);
}

std::uint32_t BlockPool::ref_count(BlockId id) const {
  CHECK(id.value() < num_blocks());
  return ref_counts_[id.value()];
}

std::uint64_t BlockPool::generation(BlockId id) const {
  CHECK(id.value() < num_blocks());
  return generations_[id.value()];
}

}  // namespace penstock::kv
