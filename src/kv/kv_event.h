// What happened to the cached blocks of one pool: the content of the KV event feed.
//
// A block is stored once and removed once per tier; removals come child before parent, since only
// leaves are evicted. Applied in order to an empty view, events give the pool's cached content.
// Numbering, range and snapshot are KvEventLog's (kv/event_log.h). Threading: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "kv/ids.h"

namespace penstock::kv {

enum class Tier : std::uint8_t { kDevice = 0, kHost = 1, kDisk = 2, kRemote = 3 };
inline constexpr std::size_t kNumTiers = 4;

struct StoredBlock {
  SequenceHash sequence_hash;
  LocalHash local_hash;
  friend bool operator==(const StoredBlock&, const StoredBlock&) = default;
};

// Consecutive blocks of one chain.
struct BlocksStored {
  std::optional<SequenceHash> parent_hash;  // of the block before the first; none at position 0
  std::uint32_t start_position = 0;         // in tokens
  Tier tier = Tier::kDevice;
  std::vector<StoredBlock> blocks;  // at most kMaxBlocksPerEvent
  friend bool operator==(const BlocksStored&, const BlocksStored&) = default;
};

struct BlocksRemoved {
  Tier tier = Tier::kDevice;
  std::vector<SequenceHash> sequence_hashes;
  friend bool operator==(const BlocksRemoved&, const BlocksRemoved&) = default;
};

// Everything, in all tiers.
struct AllBlocksCleared {
  friend bool operator==(const AllBlocksCleared&, const AllBlocksCleared&) = default;
};

using KvEvent = std::variant<BlocksStored, BlocksRemoved, AllBlocksCleared>;
inline constexpr std::size_t kMaxBlocksPerEvent = 128;

}  // namespace penstock::kv
