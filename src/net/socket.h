// Readiness, system calls and timers: what connections need of Asio, without its headers.
//
// Threading: a Socket, Listener or Timer belongs to one loop and is used on its thread only
// (creation may happen elsewhere). Callbacks run inside a Turn of that loop. Closing or destroying
// destroys the callbacks that wait, unrun. Errors of reads and writes are errno values.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "net/loop.h"

namespace penstock::net {

// What a non-blocking read, write or accept came to.
struct IoCount {
  std::size_t bytes = 0;
  int error = 0;  // errno, 0 = none

  [[nodiscard]] bool would_block() const noexcept;
};

// A connected stream socket.
class Socket final {
 public:
  // Takes `fd`, non-blocking already.
  Socket(IoPool::Loop& loop, int fd);
  ~Socket();
  Socket(Socket&&) noexcept;
  Socket& operator=(Socket&&) = delete;

  // Call back once. Several may wait for the same.
  void wait_readable(LoopTask callback);
  void wait_writable(LoopTask callback);
  // When the peer has reset the connection or both directions are shut. A half-close is neither.
  void wait_broken(LoopTask callback);

  // 0 bytes without error is the end of the stream.
  [[nodiscard]] IoCount read(std::span<char> into) noexcept;
  // As read() of one byte, which stays to be read.
  [[nodiscard]] IoCount peek() noexcept;
  [[nodiscard]] IoCount write(std::span<const iovec> pieces) noexcept;

  void shutdown_write() noexcept;
  // The peer sees a reset instead of an orderly end, and unsent bytes are dropped.
  void reset_on_close() noexcept;
  void close() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A listening socket.
class Listener final {
 public:
  // Binds to a name or address; 0 = a free port.
  [[nodiscard]] static Result<Listener> open(IoPool::Loop& loop, const std::string& host,
                                             std::uint16_t port);
  ~Listener();
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  void wait_acceptable(LoopTask callback);

  struct Accepted {
    int fd = -1;  // the caller's, when error is 0
    int error = 0;
    std::string peer;  // "127.0.0.1:40312"
  };
  [[nodiscard]] Accepted accept();
  void close() noexcept;

 private:
  struct Impl;
  explicit Listener(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// A deadline that moves often and fires rarely: moving it later costs no call into the timer queue.
class Timer final {
 public:
  Timer(IoPool::Loop& loop, LoopTask callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Replaces the time set before.
  void set(MonotonicTime due);
  void clear() noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the wait that is queued
};

[[nodiscard]] MonotonicTime monotonic_now() noexcept;

}  // namespace penstock::net
