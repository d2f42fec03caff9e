// The known tokens of one sequence and the blocks that hold their KV.
//
// Full blocks are shared through the pool's prefix cache: what others have computed, or compute in
// the same step, is taken instead of being computed again; what is computed here is announced
// before the step and committed after it. Content that turns out to be held twice is kept once.
//
// Threading: one owner. Nothing allocates while a sequence decodes within its expected length.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/token_chain.h"

namespace penstock::sched {

// One block's bytes are to be copied onto another's.
struct BlockCopy {
  kv::BlockId source;
  kv::BlockId destination;
};

class SequenceBlocks final {
 public:
  // Without `uses_cache` nothing is taken from the cache and nothing given to it.
  SequenceBlocks(kv::BlockPool& pool, const kv::TokenChain::Options& chain, bool uses_cache,
                 std::span<const std::uint32_t> token_ids);

  void append(std::uint32_t token_id) { chain_.append(token_id); }
  [[nodiscard]] std::span<const std::uint32_t> token_ids() const noexcept {
    return chain_.token_ids();
  }
  [[nodiscard]] std::uint32_t num_known() const noexcept { return chain_.size(); }
  // Tokens from the first on whose KV is in the blocks.
  [[nodiscard]] std::uint32_t num_computed() const noexcept { return num_computed_; }

  // Takes cached blocks that go on from what is computed, but leaves one known token to compute.
  // Returns how many tokens that saves.
  std::uint32_t take_hits();
  // Someone else holds, or is computing, the block that starts at `position`.
  [[nodiscard]] bool has_hit_at(std::uint32_t position) const;
  // Room for the first `num_tokens` tokens; false, with nothing taken, when the pool cannot.
  [[nodiscard]] bool grow_to(std::uint32_t num_tokens) {
    return table_.grow_to(num_tokens, *pool_);
  }
  [[nodiscard]] std::uint32_t missing_for(std::uint32_t num_tokens) const noexcept {
    return table_.missing_for(num_tokens);
  }

  // The step will compute up to `end`: batch-mates may take the blocks that this fills.
  void announce(std::uint32_t end);
  // It will not after all: what was to be written is given back. Children are withdrawn first.
  void withdraw();
  // It has. First what was announced, of all sequences in the order in which they announced it,
  // then the rest: that may turn out to be a block, or to follow one, that another announced.
  void commit_announced();
  void commit(std::uint32_t end);

  // Holds what `other` has computed of a prompt of `num_tokens` tokens, which are all this one
  // knows: full blocks are shared, of the last one a copy is to be made. Empty when there is no
  // block for it; nothing has changed then.
  struct Fork {
    std::optional<BlockCopy> copy;
  };
  [[nodiscard]] std::optional<Fork> fork_from(const SequenceBlocks& other);
  // Gives every block back; nothing is computed any more.
  void release();

  // Pool positions, as kernels read them.
  [[nodiscard]] std::span<const std::uint32_t> block_ids() const noexcept {
    return table_.block_ids();
  }
  [[nodiscard]] std::uint32_t capacity_tokens() const noexcept { return table_.capacity_tokens(); }

 private:
  [[nodiscard]] std::optional<kv::BlockId> block_before(std::uint32_t i) const;

  kv::BlockPool* pool_;
  kv::TokenChain chain_;
  kv::BlockTable table_;
  const bool may_use_cache_;
  bool uses_cache_;                  // until content turns out to be uncacheable
  std::uint32_t num_computed_ = 0;   // tokens
  std::uint32_t num_committed_ = 0;  // leading blocks whose content the cache knows as stored,
  std::uint32_t num_announced_ = 0;  // or at least as pending
};

}  // namespace penstock::sched
