// Names of KV blocks: the hash of a block's tokens, chained over the prefix before it.
//
//   local[i] = XXH3-64(LE32 token ids of block i, seed)
//   seq[0]   = local[0]
//   seq[i]   = XXH3-64(LE64 seq[i-1] ++ LE64 local[i], 1337)
//
// The same value names a block in the prefix cache, in KV events, in the router's index, in tiers
// and in transfers. Two chains can collide: whoever acts on a hit compares tokens as well.
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kv/ids.h"

namespace penstock::kv {

inline constexpr std::uint64_t kChainSeed = 1337;
// Peers with another scheme refuse each other.
inline constexpr std::string_view kHashScheme = "xxh3-64/1337/v1";

// The seed of a request's local hashes. The salt comes from the authenticated tenant; empty
// strings equal absent.
[[nodiscard]] std::uint64_t hash_seed(std::string_view adapter, std::string_view salt) noexcept;

// `extra`: content hashes of non-text objects that touch the block, ascending; empty for text.
[[nodiscard]] LocalHash local_hash(std::span<const std::uint32_t> block_tokens, std::uint64_t seed,
                                   std::span<const std::uint64_t> extra = {});
[[nodiscard]] SequenceHash first_hash(LocalHash local) noexcept;
[[nodiscard]] SequenceHash chain_hash(SequenceHash parent, LocalHash local) noexcept;

// Hashes of the whole blocks of `token_ids`: floor(size / block_size) of them.
[[nodiscard]] std::vector<SequenceHash> sequence_hashes(std::span<const std::uint32_t> token_ids,
                                                        std::uint32_t block_size,
                                                        std::uint64_t seed);

}  // namespace penstock::kv
