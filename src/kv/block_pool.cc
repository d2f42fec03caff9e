#include "kv/block_pool.h"

#include "base/check.h"

namespace penstock::kv {

void BlockRef::reset() noexcept {
  if (pool_ != nullptr) std::exchange(pool_, nullptr)->release(id_);
}

BlockPool::BlockPool(std::uint32_t num_blocks)
    : ref_counts_(num_blocks, 0), generations_(num_blocks, 0) {
  free_.reserve(num_blocks);
  for (std::uint32_t i = num_blocks; i > 0; --i) free_.emplace_back(i - 1);
}

BlockPool::~BlockPool() {
  CHECK(num_active() == 0, "kv invariant 1: {} blocks are still referenced", num_active());
}

std::optional<BlockRef> BlockPool::allocate() {
  if (free_.empty()) return std::nullopt;
  const BlockId id = free_.back();
  free_.pop_back();
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

void BlockPool::release(BlockId id) noexcept {
  std::uint32_t& count = ref_counts_[id.value()];
  CHECK(count > 0, "kv invariant 2: block {} is given back twice", id.value());
  if (--count == 0) free_.push_back(id);
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
