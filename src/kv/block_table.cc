#include "kv/block_table.h"

#include "base/check.h"

namespace penstock::kv {

std::uint32_t BlockTable::missing_for(std::uint32_t num_tokens) const noexcept {
  const auto wanted = static_cast<std::uint32_t>(blocks_for(num_tokens, block_size_));
  return wanted > num_blocks() ? wanted - num_blocks() : 0;
}

bool BlockTable::grow_to(std::uint32_t num_tokens, BlockPool& pool) {
  const std::uint32_t missing = missing_for(num_tokens);
  if (missing > pool.num_available()) return false;
  for (std::uint32_t i = 0; i < missing; ++i) {
    std::optional<BlockRef> ref = pool.allocate();
    CHECK(ref.has_value());
    append(std::move(*ref));
  }
  return true;
}

void BlockTable::share_prefix(const BlockTable& other, std::uint32_t num_blocks, BlockPool& pool) {
  CHECK(refs_.empty() && num_blocks <= other.num_blocks());
  for (std::uint32_t i = 0; i < num_blocks; ++i) {
    append(pool.share(other.refs_[i]));
  }
}

void BlockTable::append(BlockRef ref) {
  CHECK(static_cast<bool>(ref));
  ids_.push_back(ref.id().value());
  refs_.push_back(std::move(ref));
}

void BlockTable::replace(std::uint32_t i, BlockRef ref) {
  CHECK(i < num_blocks() && static_cast<bool>(ref));
  ids_[i] = ref.id().value();
  refs_[i] = std::move(ref);
}

void BlockTable::truncate(std::uint32_t num_blocks) noexcept {
  while (refs_.size() > num_blocks) {
    refs_.pop_back();
    ids_.pop_back();
  }
}

void BlockTable::reserve(std::uint32_t num_blocks) {
  refs_.reserve(num_blocks);
  ids_.reserve(num_blocks);
}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  if (this != &other) {
    clear();
    block_size_ = other.block_size_;
    refs_ = std::move(other.refs_);
    ids_ = std::move(other.ids_);
  }
  return *this;
}

}  // namespace penstock::kv
