#include "net/out_queue.h"

#include "base/check.h"

namespace penstock::net {

void OutQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  // A tail grows to four joined pieces at most, so that a slow reader's queue is not one string
  // that keeps reallocating.
  if (first_ == pieces_.size() || pieces_.back().size() + bytes.size() > 4 * kJoinBytes) {
    pieces_.emplace_back();
  }
  pieces_.back().append(bytes);
  size_ += bytes.size();
}

void OutQueue::append_owned(std::string bytes) {
  if (bytes.size() < kJoinBytes) return append(bytes);
  size_ += bytes.size();
  pieces_.push_back(std::move(bytes));
}

std::span<iovec> OutQueue::gather(std::span<iovec> into) const noexcept {
  std::size_t count = 0;
  std::size_t skip = offset_;
  for (std::size_t i = first_; i < pieces_.size() && count < into.size(); ++i) {
    const std::string& piece = pieces_[i];
    into[count++] = {const_cast<char*>(piece.data()) + skip, piece.size() - skip};
    skip = 0;
  }
  return into.first(count);
}

void OutQueue::consume(std::size_t num_bytes) noexcept {
  CHECK(num_bytes <= size_);
  size_ -= num_bytes;
  while (num_bytes > 0) {
    std::string& piece = pieces_[first_];
    const std::size_t left = piece.size() - offset_;
    if (num_bytes < left) {
      offset_ += num_bytes;
      return;
    }
    num_bytes -= left;
    offset_ = 0;
    piece = std::string();
    ++first_;
  }
  if (first_ == pieces_.size()) {
    pieces_.clear();
    first_ = 0;
  } else if (first_ >= 64) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void OutQueue::release() noexcept {
  pieces_ = {};
  first_ = offset_ = size_ = 0;
}

}  // namespace penstock::net
