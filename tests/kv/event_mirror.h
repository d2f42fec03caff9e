// What a listener knows of a target's content: records and snapshots applied, in the plainest way.
//
// Complains (adds a test failure) about a record that does not fit what went before. Threading:
// one owner.
#pragma once

#include <map>
#include <optional>
#include <utility>

#include "kv/event_log.h"

namespace penstock::kv::testing {

class EventMirror final {
 public:
  explicit EventMirror(std::uint32_t block_size) : block_size_(block_size) {}

  struct Held {
    LocalHash local_hash;
    std::optional<SequenceHash> parent_hash;
    std::uint32_t position = 0;
    friend bool operator==(const Held&, const Held&) = default;
  };
  using Content = std::map<std::pair<Tier, SequenceHash>, Held>;

  // The next record: its seq is one more than the last one's.
  void apply(const KvEventRecord& record);
  // All chunks of one, into an empty mirror.
  void apply(const std::vector<KvSnapshotChunk>& snapshot);

  [[nodiscard]] const Content& content() const noexcept { return content_; }
  [[nodiscard]] std::uint64_t last_seq() const noexcept { return last_seq_; }
  [[nodiscard]] KvDigest digest() const;

 private:
  void store(const BlocksStored& event);
  void remove(const BlocksRemoved& event);

  std::uint32_t block_size_;
  std::uint64_t last_seq_ = 0;
  Content content_;
};

}  // namespace penstock::kv::testing
