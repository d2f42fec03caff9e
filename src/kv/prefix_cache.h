// Which block holds which content: full blocks by sequence hash, as a forest of prefixes.
//
// A node is the content of one pool block: its tokens, its seed and its parent, all of which a hit
// compares, so that equal hashes cannot mix two prompts. A block is
//
//   pending   planned to be computed in the step at hand: batch-mates planned later in the same
//             step may already refer to it, since a layer writes KV before it attends
//   stored    computed; announced by an event
//
// An unreferenced stored block stays until it is evicted. Only leaves are, in the order (retention
// priority, last use); a block's descendants are never referenced when it is not (invariant 8), so
// every unreferenced block gets its turn. The cache does not count references: BlockPool does, and
// says when a block's first comes and its last goes.
//
// Threading: one owner. Nothing allocates after construction but the lists of events. All O(1) but
// evict(), on_referenced(), on_unreferenced() and set_priority(), O(log num_blocks); match(),
// O(blocks matched); and clear(), O(num_blocks).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kv/eviction_queue.h"
#include "kv/hash_index.h"
#include "kv/ids.h"
#include "kv/kv_event.h"
#include "kv/token_chain.h"

namespace penstock::kv {

class PrefixCache final {
 public:
  PrefixCache(std::uint32_t num_blocks, std::uint32_t block_size);

  // Appends to `out` the blocks, pending or stored, that hold blocks [first, last) of the chain, up
  // to the first that is missing. For first > 0, `parent` holds block first - 1.
  void match(const TokenChain& chain, std::uint32_t first, std::uint32_t last,
             std::optional<BlockId> parent, std::vector<BlockId>& out) const;

  // The block with this content after `parent`, which holds the chain's block before it.
  [[nodiscard]] std::optional<BlockId> find(const BlockContent& content,
                                            std::optional<BlockId> parent) const;
  [[nodiscard]] std::optional<BlockId> find(const TokenChain& chain, std::uint32_t i,
                                            std::optional<BlockId> parent) const {
    return find(chain.block(i), parent);
  }

  enum class Insertion : std::uint8_t {
    kInserted,
    kDuplicate,    // another block holds this content (see find)
    kUncacheable,  // the hash is taken by other content, or the parent is not in the cache
  };
  // Block i of the chain will be computed into `block` in this step. `parent` holds block i - 1.
  // The caller references both, and whoever else references `block` references `parent` too.
  Insertion insert_pending(const BlockContent& content, std::optional<BlockId> parent,
                           BlockId block);
  Insertion insert_pending(const TokenChain& chain, std::uint32_t i, std::optional<BlockId> parent,
                           BlockId block) {
    return insert_pending(chain.block(i), parent, block);
  }
  // The same for a block that has been computed; announced at once.
  Insertion insert_stored(const BlockContent& content, std::optional<BlockId> parent,
                          BlockId block);
  Insertion insert_stored(const TokenChain& chain, std::uint32_t i, std::optional<BlockId> parent,
                          BlockId block) {
    return insert_stored(chain.block(i), parent, block);
  }
  // A pending block has been computed, and its parent before it; a no-op for one that is stored or
  // not in the cache.
  void commit(BlockId block);
  // A pending block will not be computed. It has no children left; it is free when its last
  // reference goes.
  void withdraw(BlockId block);

  [[nodiscard]] bool contains(BlockId block) const noexcept;
  [[nodiscard]] bool is_pending(BlockId block) const noexcept;

  // BlockPool's calls. A chain is referenced from its root on and given back from its end, and a
  // pending block is never given back. on_unreferenced: false when the content is not cached: the
  // block is free.
  void on_referenced(BlockId block);
  [[nodiscard]] bool on_unreferenced(BlockId block);
  // Drops the content that is least worth keeping and returns its block; announced.
  [[nodiscard]] std::optional<BlockId> evict();
  // Forgets all content (stored; nothing may be pending). Appends the unreferenced blocks, which
  // are free now, to `freed`, the highest id first.
  void clear(std::vector<BlockId>& freed);

  // How long to keep the content; 0 at first. A no-op for a block that is not in the cache.
  void set_priority(BlockId block, RetentionPriority priority);

  // Unreferenced blocks with content: what evict() can still give.
  [[nodiscard]] std::uint32_t num_evictable() const noexcept { return num_unreferenced_; }
  [[nodiscard]] std::uint32_t num_stored() const noexcept { return num_stored_; }
  [[nodiscard]] std::uint64_t num_evicted() const noexcept { return num_evicted_; }
  // Hashes that were taken by other content.
  [[nodiscard]] std::uint64_t num_collisions() const noexcept { return num_collisions_; }

  // What happened since the last call, in order; consecutive blocks of a chain share an event.
  [[nodiscard]] std::vector<KvEvent> take_events();

 private:
  enum class State : std::uint8_t { kAbsent, kPending, kStored };
  static constexpr BlockId kNoBlock{0xFFFF'FFFF};
  struct Node {
    SequenceHash sequence_hash;
    LocalHash local_hash;
    std::uint64_t seed = 0;
    std::uint64_t last_use = 0;  // tick at which the last reference went
    BlockId parent = kNoBlock;   // kNoBlock: the first of its chain
    std::uint32_t index = 0;     // in its chain
    std::uint32_t num_children = 0;
    std::uint32_t num_referenced_children = 0;
    State state = State::kAbsent;
    bool is_referenced = false;
    RetentionPriority priority = 0;
  };

  [[nodiscard]] Node& node(BlockId block);
  [[nodiscard]] const Node& node(BlockId block) const;
  [[nodiscard]] Node* parent_of(const Node& child);
  [[nodiscard]] std::span<std::uint32_t> tokens_of(BlockId block) noexcept;
  [[nodiscard]] std::span<const std::uint32_t> tokens_of(BlockId block) const noexcept;
  [[nodiscard]] bool holds(BlockId block, const BlockContent& content,
                           std::optional<BlockId> parent) const;
  void check_place(const BlockContent& content, std::optional<BlockId> parent) const;
  Insertion insert(const BlockContent& content, std::optional<BlockId> parent, BlockId block,
                   State state);
  void enqueue(BlockId block);
  void announce_stored(const Node& stored);
  void announce_removed(SequenceHash hash);

  std::uint32_t block_size_;
  std::vector<Node> nodes_;            // [num_blocks]
  std::vector<std::uint32_t> tokens_;  // [num_blocks, block_size]
  HashIndex index_;                    // of pending and stored nodes
  EvictionQueue leaves_;               // unreferenced nodes without children
  std::uint64_t tick_ = 0;             // counts releases: the order of last uses
  std::uint32_t num_unreferenced_ = 0;
  std::uint32_t num_stored_ = 0;
  std::uint32_t num_pending_ = 0;
  std::uint64_t num_evicted_ = 0;
  std::uint64_t num_collisions_ = 0;
  std::vector<KvEvent> events_;
};

}  // namespace penstock::kv
