// The known tokens of one sequence, and the names of its full blocks.
//
// Grows at the end only; hashes are made as blocks fill up (kv/sequence_hash.h). Threading: one
// owner. append() is O(1) amortised, and allocates nothing within the reserved length.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kv/ids.h"

namespace penstock::kv {

// What one full block of a chain holds, and its names. A view of tokens that belong to someone
// else.
struct BlockContent {
  SequenceHash sequence_hash;
  LocalHash local_hash;
  std::uint64_t seed = 0;   // of the chain
  std::uint32_t index = 0;  // of the block in its chain
  std::span<const std::uint32_t> tokens{};
};

class TokenChain final {
 public:
  struct Options {
    std::uint32_t block_size = 0;
    std::uint64_t seed = 0;             // kv::hash_seed of the request
    std::uint32_t expected_tokens = 0;  // how far it may grow: room is reserved, up to a bound
  };
  TokenChain(Options options, std::span<const std::uint32_t> token_ids);

  void append(std::uint32_t token_id);

  [[nodiscard]] std::span<const std::uint32_t> token_ids() const noexcept { return token_ids_; }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(token_ids_.size());
  }
  [[nodiscard]] std::uint32_t block_size() const noexcept { return block_size_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

  // Of full blocks: i < num_full_blocks().
  [[nodiscard]] std::uint32_t num_full_blocks() const noexcept {
    return static_cast<std::uint32_t>(hashes_.size());
  }
  [[nodiscard]] SequenceHash sequence_hash(std::uint32_t i) const noexcept { return hashes_[i]; }
  [[nodiscard]] LocalHash local_hash(std::uint32_t i) const noexcept { return locals_[i]; }
  [[nodiscard]] std::span<const std::uint32_t> block_tokens(std::uint32_t i) const noexcept {
    return token_ids().subspan(std::size_t{i} * block_size_, block_size_);
  }
  // Valid until the next append().
  [[nodiscard]] BlockContent block(std::uint32_t i) const noexcept {
    return {hashes_[i], locals_[i], seed_, i, block_tokens(i)};
  }

 private:
  void hash_full_blocks();

  std::uint32_t block_size_;
  std::uint64_t seed_;
  std::vector<std::uint32_t> token_ids_;
  std::vector<SequenceHash> hashes_;  // of full blocks
  std::vector<LocalHash> locals_;
};

}  // namespace penstock::kv
