#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "base/log.h"

namespace penstock::net {
namespace {

// A record's most: small pieces are joined up to it, so that a turn's chunks leave in one record
// and one system call.
constexpr std::size_t kMaxRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;

// The front of `pieces` as one span: the first piece where it fills a record, else joined.
std::span<const char> join_front(std::span<const iovec> pieces,
                                 std::array<char, kMaxRecordBytes>& buffer) noexcept {
  const auto* const first = static_cast<const char*>(pieces.front().iov_base);
  if (pieces.size() == 1 || pieces.front().iov_len >= kMaxRecordBytes) {
    return {first, std::min(pieces.front().iov_len, kMaxRecordBytes)};
  }
  std::size_t size = 0;
  for (const iovec& piece : pieces) {
    const std::size_t n = std::min(piece.iov_len, kMaxRecordBytes - size);
    std::memcpy(buffer.data() + size, piece.iov_base, n);
    size += n;
    if (size == kMaxRecordBytes) break;
  }
  return {buffer.data(), size};
}

}  // namespace

// The library's own socket BIO would raise SIGPIPE.
struct TlsSession::Bio {
  static int read(BIO* bio, char* into, int size) {
    auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const std::size_t limit = std::min(static_cast<std::size_t>(size), session.allowance_);
    // Without an allowance the socket is still readable: the next turn goes on.
    const IoCount got = limit > 0 ? session.socket_.read({into, limit}) : IoCount{0, EAGAIN};
    session.allowance_ -= got.bytes;
    if (got.would_block()) BIO_set_retry_read(bio);
    return got.error != 0 ? -1 : static_cast<int>(got.bytes);
  }

  static int write(BIO* bio, const char* bytes, int size) {
    auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const iovec piece{const_cast<char*>(bytes), static_cast<std::size_t>(size)};
    const IoCount sent = session.socket_.write({&piece, 1});
    if (sent.would_block()) BIO_set_retry_write(bio);
    return sent.error != 0 ? -1 : static_cast<int>(sent.bytes);
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* const fresh =
          BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "penstock socket");
      if (fresh == nullptr) throw std::bad_alloc();
      BIO_meth_set_read(fresh, read);
      BIO_meth_set_write(fresh, write);
      BIO_meth_set_ctrl(fresh, control);
      return fresh;
    }();
    return made;
  }
};

TlsSession::TlsSession(Socket& socket, SslPtr ssl) : socket_(socket), ssl_(std::move(ssl)) {
  BIO* const bio = BIO_new(Bio::method());
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // takes it
}

TlsSession::~TlsSession() = default;

TlsSession::Handshake TlsSession::shake_hands() noexcept {
  ERR_clear_error();
  allowance_ = kMaxBytesPerCall;
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    is_established_ = true;
    // The first request may have come with the client's last flight.
    read_need_ = Need::kNothing;
    return Handshake::kDone;
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Handshake::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Handshake::kWantsWrite;
    default:
      is_broken_ = true;
      if (const char* const reason = ERR_reason_error_string(ERR_peek_error())) {
        log_debug("a TLS handshake failed: {}", reason);
      }
      return Handshake::kFailed;
  }
}

// An errno for what SSL_read or SSL_peek came to.
int TlsSession::explain_read(int result) noexcept {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      read_need_ = Need::kReadable;
      return EAGAIN;
    case SSL_ERROR_WANT_WRITE:
      read_need_ = Need::kWritable;
      return EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
      read_need_ = Need::kNothing;
      return ECONNRESET;
    default:
      read_need_ = Need::kNothing;
      is_broken_ = true;
      return ECONNRESET;
  }
}

IoCount TlsSession::read(std::span<char> into) noexcept {
  std::size_t total = 0;
  allowance_ = kMaxBytesPerCall;
  while (total < into.size()) {
    if (is_broken_) return {total, total > 0 ? 0 : ECONNRESET};
    ERR_clear_error();
    std::size_t num_read = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &num_read);
    if (result != 1) {
      const int error = explain_read(result);
      return {total, total > 0 ? 0 : error};
    }
    total += num_read;
  }
  read_need_ = Need::kNothing;
  return {total, 0};
}

IoCount TlsSession::peek() noexcept {
  if (is_broken_) return {0, ECONNRESET};
  ERR_clear_error();
  allowance_ = kMaxBytesPerCall;
  char byte = 0;
  std::size_t num_read = 0;
  const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &num_read);
  if (result != 1) return {0, explain_read(result)};
  read_need_ = Need::kNothing;
  return {1, 0};
}

IoCount TlsSession::write(std::span<const iovec> pieces) noexcept {
  if (is_broken_) return {0, EPIPE};
  std::array<char, kMaxRecordBytes> buffer;
  const std::span<const char> record = join_front(pieces, buffer);
  ERR_clear_error();
  std::size_t num_written = 0;
  const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &num_written);
  if (result == 1) return {num_written, 0};
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_WRITE) return {0, EAGAIN};
  is_broken_ = true;
  return {0, EPIPE};
}

bool TlsSession::send_close() noexcept {
  // Once sent, another call of SSL_shutdown would wait for the peer's.
  if (!is_established_ || is_broken_ || close_sent_) return true;
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  close_sent_ = result >= 0 || SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_WRITE;
  return close_sent_;
}

}  // namespace penstock::net
