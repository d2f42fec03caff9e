#include "net/stream.h"

#include <utility>

namespace penstock::net {

Stream::Stream(IoPool::Loop& loop, int fd, SslPtr session) : loop_(loop), socket_(loop, fd) {
  if (session) tls_.emplace(socket_, std::move(session));
}

void Stream::wait_readable(LoopTask callback) {
  if (!tls_) return socket_.wait_readable(std::move(callback));
  switch (tls_->read_need()) {
    case TlsSession::Need::kNothing:
      // A whole record may wait inside the session, where the socket does not tell of it. A turn of
      // its own, so that a fast sender does not starve the others.
      loop_.inbox->post(std::move(callback));
      return;
    case TlsSession::Need::kReadable:
      return socket_.wait_readable(std::move(callback));
    case TlsSession::Need::kWritable:
      return socket_.wait_writable(std::move(callback));
  }
}

bool Stream::shutdown_write() noexcept {
  if (tls_ && !tls_->send_close()) return false;
  socket_.shutdown_write();
  return true;
}

void Stream::reset_on_close() noexcept {
  resets_ = true;
  socket_.reset_on_close();
}

void Stream::close() noexcept {
  // Best effort: whoever has not read so far will not miss it.
  if (tls_ && !resets_) (void)tls_->send_close();
  socket_.close();
}

}  // namespace penstock::net
