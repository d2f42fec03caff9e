// One TLS session over a socket that never blocks.
//
// Records go straight from OpenSSL to the socket and back: no ciphertext is queued here. Bytes that
// write() has reported as taken are the socket's; a record that the socket took in part counts as
// not taken, and the same bytes are offered again (net invariant 8).
//
// Threading: the loop of its socket. The socket outlives the session. Errors are errno values;
// every end of the session, in good order or not, reads as ECONNRESET, because nobody is left to
// answer to.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <span>

#include "net/socket.h"
#include "net/tls_context.h"

namespace penstock::net {

class TlsSession final {
 public:
  TlsSession(Socket& socket, SslPtr ssl);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Handshake : unsigned char { kDone, kWantsRead, kWantsWrite, kFailed };
  // As far as it gets with what has arrived; again when the socket is ready.
  [[nodiscard]] Handshake shake_hands() noexcept;

  [[nodiscard]] IoCount read(std::span<char> into) noexcept;
  // As read() of one byte, which stays to be read.
  [[nodiscard]] IoCount peek() noexcept;
  // After it would block, the same bytes come again, with more behind them or not.
  [[nodiscard]] IoCount write(std::span<const iovec> pieces) noexcept;
  // Tells the peer that no more will be written. False = not yet: again when writable.
  [[nodiscard]] bool send_close() noexcept;

  // One call takes at most this from the socket, whatever the records hold: a peer that sends
  // nothing but new keys would otherwise keep OpenSSL busy for ever.
  static constexpr std::size_t kMaxBytesPerCall = 32UL << 10;

  // What the next read() needs, after one or after peek().
  enum class Need : unsigned char { kNothing, kReadable, kWritable };
  [[nodiscard]] Need read_need() const noexcept { return read_need_; }

 private:
  struct Bio;  // OpenSSL's door to the socket
  friend struct Bio;

  [[nodiscard]] int explain_read(int result) noexcept;

  Socket& socket_;
  const SslPtr ssl_;
  Need read_need_ = Need::kReadable;
  std::size_t allowance_ = 0;  // of the current call, in bytes from the socket
  bool is_established_ = false;
  bool close_sent_ = false;
  bool is_broken_ = false;  // OpenSSL allows no further call
};

}  // namespace penstock::net
