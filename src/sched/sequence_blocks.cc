#include "sched/sequence_blocks.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace penstock::sched {

using kv::BlockId;
using kv::PrefixCache;

SequenceBlocks::SequenceBlocks(kv::BlockPool& pool, const kv::TokenChain::Options& chain,
                               bool uses_cache, std::span<const std::uint32_t> token_ids)
    : pool_(&pool),
      chain_(chain, token_ids),
      table_(chain.block_size),
      may_use_cache_(uses_cache),
      uses_cache_(uses_cache) {
  table_.reserve(static_cast<std::uint32_t>(
      kv::BlockTable::blocks_for(chain.expected_tokens, chain.block_size)));
}

std::optional<BlockId> SequenceBlocks::block_before(std::uint32_t i) const {
  if (i == 0) return std::nullopt;
  return BlockId(table_.block_ids()[i - 1]);
}

std::uint32_t SequenceBlocks::take_hits() {
  const std::uint32_t block_size = chain_.block_size();
  const std::uint32_t first = num_computed_ / block_size;
  const std::uint32_t last = (num_known() - 1) / block_size;
  // Only a cached chain can go on in the cache, and only from the end of a block.
  if (!uses_cache_ || first >= last || num_computed_ % block_size != 0 || num_committed_ != first) {
    return 0;
  }
  CHECK(table_.num_blocks() == first, "kv invariant 4: {} blocks for {} computed tokens",
        table_.num_blocks(), num_computed_);
  std::vector<BlockId> hits;
  pool_->cache().match(chain_, first, last, block_before(first), hits);
  for (const BlockId hit : hits) table_.append(pool_->reference(hit));
  const auto num_hits = static_cast<std::uint32_t>(hits.size());
  num_computed_ += num_hits * block_size;
  num_committed_ = num_announced_ = first + num_hits;
  return num_hits * block_size;
}

bool SequenceBlocks::has_hit_at(std::uint32_t position) const {
  const std::uint32_t i = position / chain_.block_size();
  if (!uses_cache_ || position % chain_.block_size() != 0 || i >= chain_.num_full_blocks() ||
      num_announced_ != i) {
    return false;
  }
  return pool_->cache().find(chain_, i, block_before(i)).has_value();
}

void SequenceBlocks::announce(std::uint32_t end) {
  if (!uses_cache_) return;
  while ((num_announced_ + 1) * chain_.block_size() <= end) {
    const std::uint32_t i = num_announced_;
    // What is held elsewhere already, or cannot be cached, is settled when it has been computed.
    if (pool_->cache().insert_pending(chain_, i, block_before(i), BlockId(table_.block_ids()[i])) !=
        PrefixCache::Insertion::kInserted) {
      return;
    }
    ++num_announced_;
  }
}

void SequenceBlocks::withdraw() {
  for (; num_announced_ > num_committed_; --num_announced_) {
    pool_->cache().withdraw(BlockId(table_.block_ids()[num_announced_ - 1]));
  }
  table_.truncate(
      static_cast<std::uint32_t>(kv::BlockTable::blocks_for(num_computed_, chain_.block_size())));
}

void SequenceBlocks::commit_announced() {
  for (; num_committed_ < num_announced_; ++num_committed_) {
    pool_->cache().commit(BlockId(table_.block_ids()[num_committed_]));
  }
}

void SequenceBlocks::commit(std::uint32_t end) {
  CHECK(end >= num_computed_ && end <= table_.capacity_tokens(),
        "sched invariant 4: {} tokens computed in blocks for {}", end, table_.capacity_tokens());
  num_computed_ = end;
  PrefixCache& cache = pool_->cache();
  while (uses_cache_ && (num_committed_ + 1) * chain_.block_size() <= end) {
    const std::uint32_t i = num_committed_;
    const std::optional<BlockId> parent = block_before(i);
    switch (cache.insert_stored(chain_, i, parent, BlockId(table_.block_ids()[i]))) {
      case PrefixCache::Insertion::kInserted:
        break;
      case PrefixCache::Insertion::kDuplicate: {
        // Equal content under the numerics contract: one copy is enough.
        const std::optional<BlockId> other = cache.find(chain_, i, parent);
        CHECK(other.has_value());
        table_.replace(i, pool_->reference(*other));
        break;
      }
      case PrefixCache::Insertion::kUncacheable:
        uses_cache_ = false;
        return;
    }
    ++num_committed_;
    num_announced_ = num_committed_;
  }
}

std::optional<SequenceBlocks::Fork> SequenceBlocks::fork_from(const SequenceBlocks& other) {
  const std::uint32_t block_size = chain_.block_size();
  const std::uint32_t num_tokens = num_known();
  const std::uint32_t num_full = num_tokens / block_size;
  CHECK(table_.num_blocks() == 0 && other.num_computed_ >= num_tokens);
  table_.share_prefix(other.table_, num_full, *pool_);
  Fork fork;
  if (num_tokens % block_size != 0) {
    if (!table_.grow_to(num_tokens, *pool_)) {
      table_.clear();
      return std::nullopt;
    }
    fork.copy = BlockCopy{BlockId(other.table_.block_ids()[num_full]),
                          BlockId(table_.block_ids()[num_full])};
  }
  num_computed_ = num_tokens;
  num_committed_ = num_announced_ = std::min(other.num_committed_, num_full);
  uses_cache_ = may_use_cache_ && num_committed_ == num_full;
  return fork;
}

void SequenceBlocks::release() {
  CHECK(num_announced_ == num_committed_, "sched invariant 3: pending blocks are given back");
  table_.clear();
  num_computed_ = num_committed_ = num_announced_ = 0;
  uses_cache_ = may_use_cache_;
}

}  // namespace penstock::sched
