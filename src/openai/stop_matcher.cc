#include "openai/stop_matcher.h"

namespace penstock::openai {

StopStrings::StopStrings(const std::vector<std::string>& strings) : strings_(strings), nodes_(1) {
  for (std::uint32_t i = 0; i < strings_.size(); ++i) insert(i);
  link();
}

void StopStrings::insert(std::uint32_t index) {
  const std::string& text = strings_[index];
  if (text.empty()) return;
  first_bytes_.set(static_cast<unsigned char>(text.front()));
  std::uint32_t node = kRoot;
  for (const char byte : text) {
    std::uint32_t to = child(node, byte);
    if (to == kNone) {
      to = static_cast<std::uint32_t>(nodes_.size());
      Node added;
      added.next_sibling = nodes_[node].first_child;
      added.depth = nodes_[node].depth + 1;
      added.byte = byte;
      nodes_.push_back(added);
      nodes_[node].first_child = to;
    }
    node = to;
  }
  if (nodes_[node].match == kNone) nodes_[node].match = index;
}

// Breadth first: a node's fail link is known before its children's.
void StopStrings::link() {
  std::vector<std::uint32_t> queue = {kRoot};
  for (std::size_t at = 0; at < queue.size(); ++at) {
    const std::uint32_t parent = queue[at];
    for (std::uint32_t node = nodes_[parent].first_child; node != kNone;
         node = nodes_[node].next_sibling) {
      queue.push_back(node);
      if (parent == kRoot) continue;
      nodes_[node].fail = next(nodes_[parent].fail, nodes_[node].byte);
      // The node's own string is longer than any found by its fail link.
      if (nodes_[node].match == kNone) nodes_[node].match = nodes_[nodes_[node].fail].match;
    }
  }
}

std::uint32_t StopStrings::child(std::uint32_t node, char byte) const noexcept {
  std::uint32_t at = nodes_[node].first_child;
  while (at != kNone && nodes_[at].byte != byte) at = nodes_[at].next_sibling;
  return at;
}

std::uint32_t StopStrings::next(std::uint32_t node, char byte) const noexcept {
  while (true) {
    if (node == kRoot && !first_bytes_.test(static_cast<unsigned char>(byte))) return kRoot;
    if (const std::uint32_t to = child(node, byte); to != kNone) return to;
    if (node == kRoot) return kRoot;
    node = nodes_[node].fail;
  }
}

StopMatcher::StopMatcher(const StopStrings& stops, bool include_match)
    : stops_(&stops), include_match_(include_match) {}

void StopMatcher::push(std::string_view text, std::string& out) {
  if (matched_) return;
  if (stops_->empty()) {
    out.append(text);
    return;
  }
  const std::size_t num_held = held_.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    node_ = stops_->next(node_, text[i]);
    const StopStrings::Node& node = stops_->nodes_[node_];
    if (node.match == StopStrings::kNone) continue;
    matched_ = node.match;
    held_.append(text, 0, i + 1);
    const std::size_t num_matched = stops_->string(*matched_).size();
    out.append(held_, 0, include_match_ ? held_.size() : held_.size() - num_matched);
    held_.clear();
    return;
  }
  const std::size_t num_to_hold = stops_->nodes_[node_].depth;
  const std::size_t num_out = num_held + text.size() - num_to_hold;
  if (num_out >= num_held) {
    out.append(held_);
    out.append(text, 0, num_out - num_held);
    held_.assign(text, num_out - num_held);
  } else {
    out.append(held_, 0, num_out);
    held_.erase(0, num_out);
    held_.append(text);
  }
}

void StopMatcher::flush(std::string& out) {
  out.append(held_);
  held_.clear();
  node_ = StopStrings::kRoot;
}

}  // namespace penstock::openai
