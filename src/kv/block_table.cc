#include "kv/block_table.h"

#include "base/check.h"

namespace penstock::kv {

std::uint32_t BlockTable::missing_for(std::uint32_t num_tokens) const noexcept {
  const auto wanted = static_cast<std::uint32_t>(blocks_for(num_tokens, block_size_));
  return wanted > num_blocks() ? wanted - num_blocks() : 0;
}

bool BlockTable::grow_to(std::uint32_t num_tokens, BlockPool& pool) {
  const std::uint32_t missing = missing_for(num_tokens);
  if (missing > pool.num_free()) return false;
  for (std::uint32_t i = 0; i < missing; ++i) {
    std::optional<BlockRef> ref = pool.allocate();
    CHECK(ref.has_value());
    ids_.push_back(ref->id().value());
    refs_.push_back(std::move(*ref));
  }
  return true;
}

void BlockTable::share_prefix(const BlockTable& other, std::uint32_t num_blocks, BlockPool& pool) {
  CHECK(refs_.empty() && num_blocks <= other.num_blocks());
  for (std::uint32_t i = 0; i < num_blocks; ++i) {
    refs_.push_back(pool.share(other.refs_[i]));
    ids_.push_back(other.ids_[i]);
  }
}

void BlockTable::clear() noexcept {
  ids_.clear();
  // Last block first, so the pool's stack hands them out again in order.
  while (!refs_.empty()) refs_.pop_back();
}

}  // namespace penstock::kv
