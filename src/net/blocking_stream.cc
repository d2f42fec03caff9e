#include "net/blocking_stream.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace penstock::net {
namespace {

// False when the deadline passes first.
bool wait_until(int fd, short events, MonotonicTime deadline) noexcept {
  for (;;) {
    const Duration left = deadline - SystemClock().now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    const int n = ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(ms, 0, 1 << 30)));
    if (n > 0) return true;
    if (n == 0 && left <= Duration::zero()) return false;
    if (n < 0 && errno != EINTR) return true;  // the call that follows reports what is wrong
  }
}

// 0 or an errno; ETIMEDOUT when the deadline passed.
int connect_to(int fd, const addrinfo& address, MonotonicTime deadline) noexcept {
  if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!wait_until(fd, POLLOUT, deadline)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

Result<BlockingStream> BlockingStream::connect(const std::string& host, std::uint16_t port,
                                               MonotonicTime deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (rc != 0) {
    return make_error(ErrorCode::kInvalid, "cannot resolve '{}': {}", host, ::gai_strerror(rc));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  int error = ENOENT;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    BlockingStream stream(::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    error = stream.fd_ < 0 ? errno : connect_to(stream.fd_, *a, deadline);
    if (error != 0) continue;
    const int on = 1;
    (void)::setsockopt(stream.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return stream;
  }
  return make_error(error == ETIMEDOUT ? ErrorCode::kDeadline : ErrorCode::kUnavailable,
                    "cannot connect to {} port {}: {}", host, port, std::strerror(error));
}

BlockingStream::~BlockingStream() {
  close();
}

BlockingStream::BlockingStream(BlockingStream&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

BlockingStream& BlockingStream::operator=(BlockingStream&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Status BlockingStream::write_all(std::string_view bytes, MonotonicTime deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait_until(fd_, POLLOUT, deadline)) {
        return make_error(ErrorCode::kDeadline, "the peer took too long to read");
      }
    } else if (errno != EINTR) {
      return make_error(ErrorCode::kUnavailable, "writing failed: {}", std::strerror(errno));
    }
  }
  return {};
}

Result<std::size_t> BlockingStream::read_some(std::span<char> into, MonotonicTime deadline) {
  for (;;) {
    const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) {
      if (!wait_until(fd_, POLLIN, deadline)) {
        return make_error(ErrorCode::kDeadline, "the peer took too long to answer");
      }
    } else if (errno != EINTR) {
      return make_error(ErrorCode::kUnavailable, "reading failed: {}", std::strerror(errno));
    }
  }
}

void BlockingStream::shutdown_write() noexcept {
  (void)::shutdown(fd_, SHUT_WR);
}

void BlockingStream::reset() noexcept {
  const linger now{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void BlockingStream::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace penstock::net
