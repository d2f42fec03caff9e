// What a connection reads and writes: a socket, or TLS over one.
//
// The plain path costs one test of a pointer. What differs under TLS: it starts with a handshake,
// and the end of the stream reads as ECONNRESET, because a TLS session has no half that outlives
// the other (README.md, "Disconnects").
//
// Threading, callbacks and errors are those of Socket, but for one: under TLS a callback that waits
// for bytes may still run once after close().
#pragma once

#include <sys/uio.h>

#include <optional>
#include <span>

#include "net/socket.h"
#include "net/tls_session.h"

namespace penstock::net {

class Stream final {
 public:
  // Takes `fd`, non-blocking already; with a session it is TLS.
  Stream(IoPool::Loop& loop, int fd, SslPtr session);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Under TLS, before anything is read or written.
  [[nodiscard]] TlsSession::Handshake shake_hands() noexcept { return tls_->shake_hands(); }

  void wait_readable(LoopTask callback);
  void wait_writable(LoopTask callback) { socket_.wait_writable(std::move(callback)); }
  void wait_broken(LoopTask callback) { socket_.wait_broken(std::move(callback)); }

  [[nodiscard]] IoCount read(std::span<char> into) noexcept {
    return tls_ ? tls_->read(into) : socket_.read(into);
  }
  [[nodiscard]] IoCount peek() noexcept { return tls_ ? tls_->peek() : socket_.peek(); }
  [[nodiscard]] IoCount write(std::span<const iovec> pieces) noexcept {
    return tls_ ? tls_->write(pieces) : socket_.write(pieces);
  }
  // Reads and drops whatever arrives, TLS or not: no work is done for it.
  [[nodiscard]] IoCount discard(std::span<char> scratch) noexcept { return socket_.read(scratch); }
  void wait_discardable(LoopTask callback) { socket_.wait_readable(std::move(callback)); }

  // False = not yet: again when writable.
  [[nodiscard]] bool shutdown_write() noexcept;
  void reset_on_close() noexcept;
  void close() noexcept;

 private:
  IoPool::Loop& loop_;
  Socket socket_;
  std::optional<TlsSession> tls_;
  bool resets_ = false;
};

}  // namespace penstock::net
