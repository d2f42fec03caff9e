// The numbered feed of what one target holds: records, the last of them kept for who missed some,
// and snapshots for who missed more.
//
//   cache and tiers -- append --> count copies --> record seq 1, 2, 3 ... --> ring of the last ones
//
// Several sources may hold copies of one block in the same tier: records tell of the first copy
// that comes and of the last one that goes. Whoever applies all records in order, or a snapshot and
// the records after its cut, holds what this log holds (invariant 10). Threading: one owner.
// append() is O(blocks of the event); snapshot() is O(n log n).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "kv/kv_content.h"
#include "kv/kv_event.h"

namespace penstock::kv {

struct KvEventRecord {
  std::uint64_t epoch = 0;
  std::uint32_t dp_rank = 0;
  std::uint64_t seq = 0;  // from 1, one more for each record of this epoch and rank
  KvEvent event;
  friend bool operator==(const KvEventRecord&, const KvEventRecord&) = default;
};

// One piece of a snapshot. Chains come parents first, over all pieces.
struct KvSnapshotChunk {
  std::uint64_t epoch = 0;
  std::uint32_t dp_rank = 0;
  std::uint64_t cut_seq = 0;  // holds what the records up to this one say
  bool is_last = false;
  std::vector<BlocksStored> chains;  // together at most kMaxBlocksPerSnapshotChunk blocks
};
inline constexpr std::size_t kMaxBlocksPerSnapshotChunk = 4096;

class KvEventLog final {
 public:
  struct Options {
    std::uint64_t epoch = 0;
    std::uint32_t dp_rank = 0;
    std::uint32_t block_size = 0;
    std::size_t max_records = 65'536;  // kept for range()
  };
  explicit KvEventLog(Options options);

  // Makes no record when no first copy came and no last one went, and several when a chain comes
  // in pieces. Removing what is not held is a bug of the caller's, and ignored.
  void append(const KvEvent& event);

  // Of the newest record; 0 before the first.
  [[nodiscard]] std::uint64_t last_seq() const noexcept { return last_seq_; }
  // Records `from` to `to`, both included; fewer when not all have been made yet. Nothing when
  // the first is gone: only a snapshot helps.
  [[nodiscard]] std::optional<std::vector<KvEventRecord>> range(std::uint64_t from,
                                                                std::uint64_t to) const;
  // At least one chunk, cut at last_seq().
  [[nodiscard]] std::vector<KvSnapshotChunk> snapshot() const;
  // At last_seq().
  [[nodiscard]] const KvDigest& digest() const noexcept { return content_.digest(); }

 private:
  void append_stored(const BlocksStored& event);
  void append_removed(const BlocksRemoved& event);
  void record(KvEvent event);

  Options options_;
  KvContent content_;
  std::deque<KvEventRecord> records_;  // up to last_seq_
  std::uint64_t last_seq_ = 0;
};

}  // namespace penstock::kv
