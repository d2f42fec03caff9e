#include "kv/token_chain.h"

#include <algorithm>

#include "base/check.h"
#include "kv/sequence_hash.h"

namespace penstock::kv {
namespace {

// A request may ask for far more tokens than it will get; beyond this its chain grows as it needs.
constexpr std::uint32_t kMaxReservedTokens = 32'768;

}  // namespace

TokenChain::TokenChain(Options options, std::span<const std::uint32_t> token_ids)
    : block_size_(options.block_size), seed_(options.seed) {
  CHECK(block_size_ > 0);
  const std::size_t num_tokens = std::max<std::size_t>(
      token_ids.size(), std::min(options.expected_tokens, kMaxReservedTokens));
  token_ids_.reserve(num_tokens);
  hashes_.reserve(num_tokens / block_size_);
  locals_.reserve(num_tokens / block_size_);
  token_ids_.assign(token_ids.begin(), token_ids.end());
  hash_full_blocks();
}

void TokenChain::append(std::uint32_t token_id) {
  token_ids_.push_back(token_id);
  hash_full_blocks();
}

void TokenChain::hash_full_blocks() {
  while ((hashes_.size() + 1) * block_size_ <= token_ids_.size()) {
    const LocalHash local = kv::local_hash(block_tokens(num_full_blocks()), seed_);
    locals_.push_back(local);
    hashes_.push_back(hashes_.empty() ? first_hash(local) : chain_hash(hashes_.back(), local));
  }
}

}  // namespace penstock::kv
