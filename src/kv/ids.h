// Ids of the KV cache.
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace penstock::kv {

// Position of a block in its pool.
using BlockId = StrongId<struct BlockIdTag, std::uint32_t>;
// Of one block's tokens alone, and chained over the whole prefix (kv/sequence_hash.h).
using LocalHash = StrongId<struct LocalHashTag, std::uint64_t>;
using SequenceHash = StrongId<struct SequenceHashTag, std::uint64_t>;

}  // namespace penstock::kv
