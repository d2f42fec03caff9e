#include "kv/prefix_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace penstock::kv {

PrefixCache::PrefixCache(std::uint32_t num_blocks, std::uint32_t block_size)
    : block_size_(block_size),
      nodes_(num_blocks),
      tokens_(std::size_t{num_blocks} * block_size),
      index_(num_blocks),
      leaves_(num_blocks) {
  CHECK(block_size > 0);
}

PrefixCache::Node& PrefixCache::node(BlockId block) {
  CHECK(block.value() < nodes_.size());
  return nodes_[block.value()];
}

const PrefixCache::Node& PrefixCache::node(BlockId block) const {
  CHECK(block.value() < nodes_.size());
  return nodes_[block.value()];
}

PrefixCache::Node* PrefixCache::parent_of(const Node& child) {
  return child.parent == kNoBlock ? nullptr : &nodes_[child.parent.value()];
}

std::span<std::uint32_t> PrefixCache::tokens_of(BlockId block) noexcept {
  return std::span(tokens_).subspan(std::size_t{block.value()} * block_size_, block_size_);
}

std::span<const std::uint32_t> PrefixCache::tokens_of(BlockId block) const noexcept {
  return std::span(tokens_).subspan(std::size_t{block.value()} * block_size_, block_size_);
}

bool PrefixCache::contains(BlockId block) const noexcept {
  return node(block).state != State::kAbsent;
}

bool PrefixCache::is_pending(BlockId block) const noexcept {
  return node(block).state == State::kPending;
}

void PrefixCache::check_place(const BlockContent& content, std::optional<BlockId> parent) const {
  CHECK(content.tokens.size() == block_size_, "a block has {} tokens, not {}", block_size_,
        content.tokens.size());
  CHECK(parent.has_value() == (content.index > 0),
        "kv invariant 8: only the first block of a chain has no parent");
  if (!parent || !contains(*parent)) return;
  CHECK(node(*parent).index + 1 == content.index && node(*parent).seed == content.seed,
        "kv invariant 8: block {} of a chain follows a block {}", content.index,
        node(*parent).index);
}

// The parent's own content was compared when it was inserted or matched: with it, the whole prefix.
bool PrefixCache::holds(BlockId block, const BlockContent& content,
                        std::optional<BlockId> parent) const {
  const Node& held = node(block);
  return held.parent == parent.value_or(kNoBlock) && held.seed == content.seed &&
         held.local_hash == content.local_hash &&
         std::ranges::equal(tokens_of(block), content.tokens);
}

std::optional<BlockId> PrefixCache::find(const BlockContent& content,
                                         std::optional<BlockId> parent) const {
  check_place(content, parent);
  const std::optional<BlockId> block = index_.find(content.sequence_hash);
  return block && holds(*block, content, parent) ? block : std::nullopt;
}

void PrefixCache::match(const TokenChain& chain, std::uint32_t first, std::uint32_t last,
                        std::optional<BlockId> parent, std::vector<BlockId>& out) const {
  CHECK(chain.block_size() == block_size_ && last <= chain.num_full_blocks());
  for (std::uint32_t i = first; i < last; ++i) {
    parent = find(chain, i, parent);
    if (!parent) return;
    out.push_back(*parent);
  }
}

PrefixCache::Insertion PrefixCache::insert(const BlockContent& content,
                                           std::optional<BlockId> parent, BlockId block,
                                           State state) {
  check_place(content, parent);
  CHECK(!contains(block), "kv invariant 7: block {} holds other content", block.value());
  if (parent && !contains(*parent)) return Insertion::kUncacheable;
  if (const std::optional<BlockId> holder = index_.find(content.sequence_hash)) {
    if (holds(*holder, content, parent)) return Insertion::kDuplicate;
    ++num_collisions_;
    return Insertion::kUncacheable;
  }
  Node& added = node(block);
  added = {.sequence_hash = content.sequence_hash,
           .local_hash = content.local_hash,
           .seed = content.seed,
           .parent = parent.value_or(kNoBlock),
           .index = content.index,
           .state = state,
           .is_referenced = true};
  if (Node* const above = parent_of(added)) {
    CHECK(above->is_referenced, "kv invariant 8: block {} is added to one that nobody references",
          block.value());
    CHECK(state == State::kPending || above->state == State::kStored,
          "kv invariant 9: block {} is stored before its parent", block.value());
    ++above->num_children;
    ++above->num_referenced_children;
  }
  std::ranges::copy(content.tokens, tokens_of(block).begin());
  index_.insert(content.sequence_hash, block);
  return Insertion::kInserted;
}

PrefixCache::Insertion PrefixCache::insert_pending(const BlockContent& content,
                                                   std::optional<BlockId> parent, BlockId block) {
  const Insertion result = insert(content, parent, block, State::kPending);
  if (result == Insertion::kInserted) ++num_pending_;
  return result;
}

PrefixCache::Insertion PrefixCache::insert_stored(const BlockContent& content,
                                                  std::optional<BlockId> parent, BlockId block) {
  const Insertion result = insert(content, parent, block, State::kStored);
  if (result == Insertion::kInserted) {
    ++num_stored_;
    announce_stored(node(block));
  }
  return result;
}

void PrefixCache::commit(BlockId block) {
  Node& pending = node(block);
  if (pending.state != State::kPending) return;
  const Node* const above = parent_of(pending);
  CHECK(above == nullptr || above->state == State::kStored,
        "kv invariant 9: block {} is stored before its parent", block.value());
  pending.state = State::kStored;
  --num_pending_;
  ++num_stored_;
  announce_stored(pending);
}

void PrefixCache::withdraw(BlockId block) {
  Node& pending = node(block);
  CHECK(pending.state == State::kPending, "kv invariant 9: block {} is withdrawn but not pending",
        block.value());
  CHECK(pending.num_children == 0, "kv invariant 8: block {} is withdrawn before its children",
        block.value());
  if (Node* const above = parent_of(pending)) {
    --above->num_children;
    --above->num_referenced_children;
  }
  index_.erase(pending.sequence_hash);
  pending = {};
  --num_pending_;
}

void PrefixCache::enqueue(BlockId block) {
  leaves_.insert(block, {node(block).priority, node(block).last_use});
}

void PrefixCache::on_referenced(BlockId block) {
  Node& used = node(block);
  CHECK(used.state == State::kStored && !used.is_referenced,
        "kv invariant 2: block {} holds no content to reference", block.value());
  if (Node* const above = parent_of(used)) {
    CHECK(above->is_referenced, "kv invariant 8: block {} is referenced before its parent",
          block.value());
    ++above->num_referenced_children;
  }
  used.is_referenced = true;
  --num_unreferenced_;
  if (used.num_children == 0) leaves_.remove(block);
}

bool PrefixCache::on_unreferenced(BlockId block) {
  Node& left = node(block);
  if (left.state == State::kAbsent) return false;
  CHECK(left.state == State::kStored, "kv invariant 9: pending block {} is given back",
        block.value());
  CHECK(left.num_referenced_children == 0,
        "kv invariant 8: block {} is given back before {} "
        "children",
        block.value(), left.num_referenced_children);
  left.is_referenced = false;
  left.last_use = ++tick_;
  ++num_unreferenced_;
  if (Node* const above = parent_of(left)) --above->num_referenced_children;
  if (left.num_children == 0) enqueue(block);
  return true;
}

std::optional<BlockId> PrefixCache::evict() {
  const std::optional<BlockId> victim = leaves_.pop();
  if (!victim) return std::nullopt;
  Node& dropped = node(*victim);
  index_.erase(dropped.sequence_hash);
  announce_removed(dropped.sequence_hash);
  const BlockId parent = dropped.parent;
  dropped = {};
  --num_stored_;
  --num_unreferenced_;
  ++num_evicted_;
  if (parent != kNoBlock && --node(parent).num_children == 0 && !node(parent).is_referenced) {
    enqueue(parent);
  }
  return victim;
}

void PrefixCache::clear(std::vector<BlockId>& freed) {
  CHECK(num_pending_ == 0, "kv invariant 9: {} pending blocks are cleared", num_pending_);
  for (std::uint32_t i = static_cast<std::uint32_t>(nodes_.size()); i > 0; --i) {
    Node& dropped = nodes_[i - 1];
    if (dropped.state == State::kStored && !dropped.is_referenced) freed.emplace_back(i - 1);
    dropped = {};
  }
  index_.clear();
  leaves_.clear();
  num_stored_ = 0;
  num_unreferenced_ = 0;
  events_.emplace_back(AllBlocksCleared{});
}

void PrefixCache::set_priority(BlockId block, RetentionPriority priority) {
  Node& kept = node(block);
  if (kept.state == State::kAbsent) return;
  kept.priority = priority;
  if (!leaves_.contains(block)) return;
  leaves_.remove(block);
  enqueue(block);
}

void PrefixCache::announce_stored(const Node& stored) {
  const Node* const above = parent_of(stored);
  auto* const last = events_.empty() ? nullptr : std::get_if<BlocksStored>(&events_.back());
  if (above != nullptr && last != nullptr && last->blocks.size() < kMaxBlocksPerEvent &&
      last->blocks.back().sequence_hash == above->sequence_hash) {
    last->blocks.push_back({stored.sequence_hash, stored.local_hash});
    return;
  }
  BlocksStored event;
  if (above != nullptr) event.parent_hash = above->sequence_hash;
  event.start_position = stored.index * block_size_;
  event.blocks.push_back({stored.sequence_hash, stored.local_hash});
  events_.emplace_back(std::move(event));
}

void PrefixCache::announce_removed(SequenceHash hash) {
  auto* const last = events_.empty() ? nullptr : std::get_if<BlocksRemoved>(&events_.back());
  if (last != nullptr && last->sequence_hashes.size() < kMaxBlocksPerEvent) {
    last->sequence_hashes.push_back(hash);
    return;
  }
  events_.emplace_back(BlocksRemoved{.tier = Tier::kDevice, .sequence_hashes = {hash}});
}

std::vector<KvEvent> PrefixCache::take_events() {
  return std::exchange(events_, {});
}

}  // namespace penstock::kv
