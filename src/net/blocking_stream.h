// A TCP connection for code that waits: every call has a deadline.
//
// For command-line tools and tests; the servers' side is net/socket.h.
// Threading: one thread at a time. Errors: kUnavailable when the peer is not there or has gone,
// kDeadline when time is up, kInvalid for a host that is none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace penstock::net {

class BlockingStream final {
 public:
  // Name resolution is the system's and knows no deadline; addresses resolve at once.
  [[nodiscard]] static Result<BlockingStream> connect(const std::string& host, std::uint16_t port,
                                                      MonotonicTime deadline);
  ~BlockingStream();
  BlockingStream(BlockingStream&& other) noexcept;
  BlockingStream& operator=(BlockingStream&& other) noexcept;

  [[nodiscard]] Status write_all(std::string_view bytes, MonotonicTime deadline);
  // At least one byte, or 0 at the end of the stream.
  [[nodiscard]] Result<std::size_t> read_some(std::span<char> into, MonotonicTime deadline);

  // Says that no more will be written; reading goes on.
  void shutdown_write() noexcept;
  // Closes so that the peer sees a reset.
  void reset() noexcept;
  void close() noexcept;

  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  explicit BlockingStream(int fd) noexcept : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace penstock::net
