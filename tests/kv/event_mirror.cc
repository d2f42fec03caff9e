#include "tests/kv/event_mirror.h"

#include <gtest/gtest.h>

namespace penstock::kv::testing {

void EventMirror::apply(const KvEventRecord& record) {
  EXPECT_EQ(record.seq, last_seq_ + 1);
  last_seq_ = record.seq;
  if (const auto* const stored = std::get_if<BlocksStored>(&record.event)) {
    store(*stored);
  } else if (const auto* const removed = std::get_if<BlocksRemoved>(&record.event)) {
    remove(*removed);
  } else {
    content_.clear();
  }
}

void EventMirror::apply(const std::vector<KvSnapshotChunk>& snapshot) {
  ASSERT_TRUE(content_.empty());
  ASSERT_FALSE(snapshot.empty());
  for (const KvSnapshotChunk& chunk : snapshot) {
    EXPECT_EQ(chunk.is_last, &chunk == &snapshot.back());
    EXPECT_EQ(chunk.cut_seq, snapshot.front().cut_seq);
    std::size_t num_blocks = 0;
    for (const BlocksStored& chain : chunk.chains) {
      num_blocks += chain.blocks.size();
      store(chain);
    }
    EXPECT_LE(num_blocks, kMaxBlocksPerSnapshotChunk);
  }
  last_seq_ = snapshot.front().cut_seq;
}

void EventMirror::store(const BlocksStored& event) {
  EXPECT_FALSE(event.blocks.empty());
  EXPECT_LE(event.blocks.size(), kMaxBlocksPerEvent);
  EXPECT_EQ(event.start_position > 0, event.parent_hash.has_value());
  Held held{{}, event.parent_hash, event.start_position};
  for (const StoredBlock& block : event.blocks) {
    // The device tier has no holes; the others may.
    if (held.parent_hash && event.tier == Tier::kDevice) {
      EXPECT_TRUE(content_.contains({event.tier, *held.parent_hash})) << "parents come first";
    }
    held.local_hash = block.local_hash;
    EXPECT_TRUE(content_.try_emplace({event.tier, block.sequence_hash}, held).second)
        << "stored twice";
    held.parent_hash = block.sequence_hash;
    held.position += block_size_;
  }
}

void EventMirror::remove(const BlocksRemoved& event) {
  EXPECT_FALSE(event.sequence_hashes.empty());
  for (const SequenceHash hash : event.sequence_hashes) {
    EXPECT_EQ(content_.erase({event.tier, hash}), 1U) << "removed without being there";
    if (event.tier != Tier::kDevice) continue;
    for (const auto& [key, held] : content_) {
      EXPECT_FALSE(key.first == event.tier && held.parent_hash == hash) << "children go first";
    }
  }
}

KvDigest EventMirror::digest() const {
  KvDigest digest;
  for (const auto& [key, held] : content_) digest.add(key.second, key.first);
  return digest;
}

}  // namespace penstock::kv::testing
