#include "kv/event_log.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace penstock::kv {

KvEventLog::KvEventLog(Options options) : options_(options) {
  CHECK(options.block_size > 0 && options.max_records > 0);
}

void KvEventLog::append(const KvEvent& event) {
  if (const auto* const stored = std::get_if<BlocksStored>(&event)) return append_stored(*stored);
  if (const auto* const removed = std::get_if<BlocksRemoved>(&event)) {
    return append_removed(*removed);
  }
  content_.clear();
  record(event);
}

// A block that was held already cuts the chain in two: the blocks of a record are consecutive.
void KvEventLog::append_stored(const BlocksStored& event) {
  BlocksStored run;
  const auto flush = [&] {
    if (!run.blocks.empty()) record(std::exchange(run, {}));
  };
  KvContent::Place place{event.parent_hash, event.start_position};
  for (const StoredBlock& block : event.blocks) {
    if (!content_.add(block, place, event.tier)) {
      flush();
    } else {
      if (run.blocks.empty()) run = {place.parent_hash, place.position, event.tier, {}};
      run.blocks.push_back(block);
      if (run.blocks.size() == kMaxBlocksPerEvent) flush();
    }
    place = {block.sequence_hash, place.position + options_.block_size};
  }
  flush();
}

void KvEventLog::append_removed(const BlocksRemoved& event) {
  BlocksRemoved gone{event.tier, {}};
  for (const SequenceHash hash : event.sequence_hashes) {
    const std::optional<bool> was_last = content_.remove(hash, event.tier);
    if (!was_last) {
      BUG("kv invariant 10: block {:016x} is removed from tier {}, which does not hold it",
          hash.value(), static_cast<int>(event.tier));
    } else if (*was_last) {
      gone.sequence_hashes.push_back(hash);
    }
  }
  if (!gone.sequence_hashes.empty()) record(std::move(gone));
}

void KvEventLog::record(KvEvent event) {
  if (records_.size() == options_.max_records) records_.pop_front();
  records_.push_back({options_.epoch, options_.dp_rank, ++last_seq_, std::move(event)});
}

std::optional<std::vector<KvEventRecord>> KvEventLog::range(std::uint64_t from,
                                                            std::uint64_t to) const {
  const std::uint64_t first = last_seq_ - records_.size() + 1;
  if (from < first) return std::nullopt;
  std::vector<KvEventRecord> out;
  for (std::uint64_t seq = from; seq <= std::min(to, last_seq_); ++seq) {
    out.push_back(records_[seq - first]);
  }
  return out;
}

std::vector<KvSnapshotChunk> KvEventLog::snapshot() const {
  std::vector<KvSnapshotChunk> chunks;
  std::size_t num_blocks = 0;  // in the last chunk
  const auto open_chunk = [&] {
    chunks.push_back({options_.epoch, options_.dp_rank, last_seq_, false, {}});
    num_blocks = 0;
  };
  open_chunk();
  for (BlocksStored& chain : content_.chains()) {
    if (num_blocks + chain.blocks.size() > kMaxBlocksPerSnapshotChunk) open_chunk();
    num_blocks += chain.blocks.size();
    chunks.back().chains.push_back(std::move(chain));
  }
  chunks.back().is_last = true;
  return chunks;
}

}  // namespace penstock::kv
