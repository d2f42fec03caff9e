#include "chat_template/values/heap.h"

#include <algorithm>
#include <cstring>

namespace penstock::chat_template {

namespace {
constexpr std::size_t kMaxChunkBytes = 1 << 20;
}

void* Heap::allocate_slow(std::size_t bytes) {
  // A large block gets its own chunk, so that what is left of the current one stays in use.
  const bool own_chunk = bytes > next_chunk_bytes_ / 4;
  const std::size_t chunk_bytes = own_chunk ? bytes : next_chunk_bytes_;
  chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_bytes));
  used_bytes_ += chunk_bytes;
  char* chunk = chunks_.back().get();
  if (!own_chunk) {
    next_chunk_bytes_ = std::min(next_chunk_bytes_ * 2, kMaxChunkBytes);
    at_ = chunk + bytes;
    end_ = chunk + chunk_bytes;
  }
  return chunk;
}

std::string_view Heap::copy(std::string_view bytes) {
  if (bytes.empty()) return {};
  char* to = static_cast<char*>(allocate(bytes.size()));
  std::memcpy(to, bytes.data(), bytes.size());
  return {to, bytes.size()};
}

}  // namespace penstock::chat_template
