// The block pool with its prefix cache, written to be slow and obviously right: content is named by
// the whole prefix, victims are found by looking at every block.
//
// Threading: one owner. It checks nothing: callers ask what the pool is going to do.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kv/prefix_cache.h"
#include "tests/kv/event_mirror.h"

namespace penstock::kv::testing {

class CacheModel final {
 public:
  // `content` of a block: seed and all tokens up to the block's end, a byte each.
  struct Content {
    std::string prefix;
    std::string parent;  // the prefix of the block before; empty for the first
    StoredBlock names;
    std::optional<SequenceHash> parent_hash;
    std::uint32_t position = 0;
  };

  explicit CacheModel(std::uint32_t num_blocks);

  std::optional<std::uint32_t> allocate();
  void reference(std::uint32_t block);
  void release(std::uint32_t block);

  PrefixCache::Insertion insert(const Content& content, std::optional<std::uint32_t> parent,
                                std::uint32_t block, bool is_pending);
  void commit(std::uint32_t block);
  void withdraw(std::uint32_t block);
  void clear();
  void set_priority(std::uint32_t block, RetentionPriority priority);

  [[nodiscard]] std::optional<std::uint32_t> find(const Content& content,
                                                  std::optional<std::uint32_t> parent) const;
  [[nodiscard]] bool is_cached(std::uint32_t block) const { return blocks_[block].has_value(); }
  [[nodiscard]] bool is_pending(std::uint32_t block) const;
  [[nodiscard]] std::uint32_t num_references(std::uint32_t block) const {
    return num_references_[block];
  }
  [[nodiscard]] std::uint32_t num_free() const { return static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] std::uint32_t num_cached() const;
  [[nodiscard]] std::uint32_t num_stored() const;
  [[nodiscard]] std::uint64_t num_evicted() const { return num_evicted_; }
  [[nodiscard]] std::uint64_t num_collisions() const { return num_collisions_; }
  // What a listener should know.
  [[nodiscard]] EventMirror::Content stored_content() const;

 private:
  struct Node {
    Content content;
    std::uint32_t block = 0;
    bool is_pending = false;
    RetentionPriority priority = 0;
    std::uint64_t last_use = 0;
  };
  using Nodes = std::map<std::string, Node>;

  [[nodiscard]] bool is_leaf(Nodes::const_iterator node) const;
  std::optional<std::uint32_t> evict();

  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> num_references_;
  std::vector<std::optional<std::string>> blocks_;  // of each: the prefix it holds
  Nodes nodes_;                                     // by prefix
  std::uint64_t tick_ = 0;
  std::uint64_t num_evicted_ = 0;
  std::uint64_t num_collisions_ = 0;
};

}  // namespace penstock::kv::testing
