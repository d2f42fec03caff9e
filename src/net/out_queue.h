// Bytes on their way to a socket: small pieces are joined, large ones keep their memory.
//
// Threading: one owner. Complexity: appending copies at most kJoinBytes, or moves.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::net {

class OutQueue final {
 public:
  // A piece below this is copied behind its predecessor; above, one more iovec is cheaper.
  static constexpr std::size_t kJoinBytes = 4096;

  void append(std::string_view bytes);
  void append_owned(std::string bytes);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
  // The pieces from the front, as many as fit; returns those filled in.
  [[nodiscard]] std::span<iovec> gather(std::span<iovec> into) const noexcept;
  // The first `num_bytes` are gone.
  void consume(std::size_t num_bytes) noexcept;
  // Empties it and gives the memory back.
  void release() noexcept;

 private:
  std::vector<std::string> pieces_;
  std::size_t first_ = 0;   // pieces before it are empty shells
  std::size_t offset_ = 0;  // consumed bytes of pieces_[first_]
  std::size_t size_ = 0;
};

}  // namespace penstock::net
