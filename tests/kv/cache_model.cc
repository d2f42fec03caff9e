#include "tests/kv/cache_model.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace penstock::kv::testing {

CacheModel::CacheModel(std::uint32_t num_blocks)
    : num_references_(num_blocks, 0), blocks_(num_blocks) {
  for (std::uint32_t i = num_blocks; i > 0; --i) free_.push_back(i - 1);
}

std::optional<std::uint32_t> CacheModel::allocate() {
  std::optional<std::uint32_t> block;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else {
    block = evict();
  }
  if (block) num_references_[*block] = 1;
  return block;
}

// Longer prefixes sort right behind the prefix they start with.
bool CacheModel::is_leaf(Nodes::const_iterator node) const {
  const auto next = std::next(node);
  return next == nodes_.end() || !next->first.starts_with(node->first);
}

std::optional<std::uint32_t> CacheModel::evict() {
  auto victim = nodes_.end();
  const auto key = [](Nodes::const_iterator node) {
    return std::tuple(node->second.priority, node->second.last_use);
  };
  for (auto node = nodes_.begin(); node != nodes_.end(); ++node) {
    if (num_references_[node->second.block] > 0 || !is_leaf(node)) continue;
    if (victim == nodes_.end() || key(node) < key(victim)) victim = node;
  }
  if (victim == nodes_.end()) return std::nullopt;
  const std::uint32_t block = victim->second.block;
  blocks_[block].reset();
  nodes_.erase(victim);
  ++num_evicted_;
  return block;
}

void CacheModel::reference(std::uint32_t block) {
  ++num_references_[block];
}

void CacheModel::release(std::uint32_t block) {
  if (--num_references_[block] > 0) return;
  if (blocks_[block]) {
    nodes_.at(*blocks_[block]).last_use = ++tick_;
  } else {
    free_.push_back(block);
  }
}

std::optional<std::uint32_t> CacheModel::find(const Content& content,
                                              std::optional<std::uint32_t> parent) const {
  const auto node = nodes_.find(content.prefix);
  if (node == nodes_.end()) return std::nullopt;
  if (parent && blocks_[*parent] != content.parent) return std::nullopt;
  return node->second.block;
}

PrefixCache::Insertion CacheModel::insert(const Content& content,
                                          std::optional<std::uint32_t> parent, std::uint32_t block,
                                          bool is_pending) {
  if (parent && blocks_[*parent] != content.parent) return PrefixCache::Insertion::kUncacheable;
  if (nodes_.contains(content.prefix)) return PrefixCache::Insertion::kDuplicate;
  for (const auto& [prefix, node] : nodes_) {
    if (node.content.names.sequence_hash == content.names.sequence_hash) {
      ++num_collisions_;
      return PrefixCache::Insertion::kUncacheable;
    }
  }
  nodes_[content.prefix] = {content, block, is_pending, 0, 0};
  blocks_[block] = content.prefix;
  return PrefixCache::Insertion::kInserted;
}

void CacheModel::commit(std::uint32_t block) {
  nodes_.at(*blocks_[block]).is_pending = false;
}

void CacheModel::withdraw(std::uint32_t block) {
  nodes_.erase(*blocks_[block]);
  blocks_[block].reset();
}

void CacheModel::clear() {
  for (auto block = static_cast<std::uint32_t>(blocks_.size()); block > 0; --block) {
    if (blocks_[block - 1] && num_references_[block - 1] == 0) free_.push_back(block - 1);
    blocks_[block - 1].reset();
  }
  nodes_.clear();
}

void CacheModel::set_priority(std::uint32_t block, RetentionPriority priority) {
  if (blocks_[block]) nodes_.at(*blocks_[block]).priority = priority;
}

bool CacheModel::is_pending(std::uint32_t block) const {
  return blocks_[block] && nodes_.at(*blocks_[block]).is_pending;
}

std::uint32_t CacheModel::num_cached() const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      nodes_, [&](const auto& node) { return num_references_[node.second.block] == 0; }));
}

std::uint32_t CacheModel::num_stored() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(nodes_, [](const auto& node) { return !node.second.is_pending; }));
}

EventMirror::Content CacheModel::stored_content() const {
  EventMirror::Content out;
  for (const auto& [prefix, node] : nodes_) {
    if (node.is_pending) continue;
    const Content& content = node.content;
    out[{Tier::kDevice, content.names.sequence_hash}] = {content.names.local_hash,
                                                         content.parent_hash, content.position};
  }
  return out;
}

}  // namespace penstock::kv::testing
