#include "net/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "net/loop_context.h"

namespace penstock::net {
namespace asio = boost::asio;
namespace {

using Descriptor = asio::posix::stream_descriptor;

// A peer that vanished without a word is found after about this long: 30 + 3 * 10 s.
constexpr int kKeepAliveIdleSecs = 30;
constexpr int kKeepAliveIntervalSecs = 10;
constexpr int kKeepAliveProbes = 3;

// What the kernel takes of an answer before the client's window has room for it. Without a limit it
// takes megabytes for a client that reads nothing: memory that nobody accounts for, and an answer
// that looks sent, so that no write timeout sees it.
constexpr int kMaxUnsentInKernelBytes = 128 << 10;

void set_int_option(int fd, int level, int name, int value) noexcept {
  // None of these is worth failing for.
  (void)::setsockopt(fd, level, name, &value, sizeof value);
}

void wait(IoPool::Loop& loop, Descriptor& descriptor, Descriptor::wait_type type,
          LoopTask callback) {
  descriptor.async_wait(
      type, [&loop, callback = std::move(callback)](const boost::system::error_code& ec) mutable {
        if (!ec) loop.run(std::move(callback));
      });
}

void close_descriptor(Descriptor& descriptor) noexcept {
  boost::system::error_code ec;
  if (descriptor.close(ec)) log_debug("closing a socket: {}", ec.message());
}

std::string peer_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
    return format("{}:{}", text, ntohs(in.sin_port));
  }
  const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
  ::inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
  return format("[{}]:{}", text, ntohs(in6.sin6_port));
}

// Options that accepted sockets inherit on Linux: no system calls per connection.
void set_listener_options(int fd, int family) noexcept {
  set_int_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set_int_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_int_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kMaxUnsentInKernelBytes);
  set_int_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_int_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSecs);
  set_int_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSecs);
  set_int_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  if (family == AF_INET6) set_int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
}

// An errno, or 0 and the socket in `fd`.
struct Bound {
  int fd = -1;
  int error = 0;
};
Bound bind_and_listen(const addrinfo& address) noexcept {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return {-1, errno};
  set_listener_options(fd, address.ai_family);
  if (::bind(fd, address.ai_addr, address.ai_addrlen) != 0 || ::listen(fd, SOMAXCONN) != 0) {
    const int error = errno;
    ::close(fd);
    return {-1, error};
  }
  return {fd, 0};
}

}  // namespace

bool IoCount::would_block() const noexcept {
  return error == EAGAIN || error == EWOULDBLOCK;
}

MonotonicTime monotonic_now() noexcept {
  return SystemClock().now();
}

struct Socket::Impl {
  IoPool::Loop& loop;
  std::shared_ptr<IoPool::Loop::Context> context;
  Descriptor descriptor;
};

Socket::Socket(IoPool::Loop& loop, int fd)
    : impl_(new Impl{loop, loop.context, Descriptor(loop.context->io)}) {
  boost::system::error_code ec;
  if (impl_->descriptor.assign(fd, ec))
    ::close(fd);  // the loop's epoll is full: the first wait reports a bad descriptor
}

Socket::~Socket() = default;
Socket::Socket(Socket&&) noexcept = default;

void Socket::wait_readable(LoopTask callback) {
  wait(impl_->loop, impl_->descriptor, Descriptor::wait_read, std::move(callback));
}

void Socket::wait_writable(LoopTask callback) {
  wait(impl_->loop, impl_->descriptor, Descriptor::wait_write, std::move(callback));
}

void Socket::wait_broken(LoopTask callback) {
  wait(impl_->loop, impl_->descriptor, Descriptor::wait_error, std::move(callback));
}

IoCount Socket::read(std::span<char> into) noexcept {
  const ssize_t n = ::recv(impl_->descriptor.native_handle(), into.data(), into.size(), 0);
  return n < 0 ? IoCount{0, errno} : IoCount{static_cast<std::size_t>(n), 0};
}

IoCount Socket::peek() noexcept {
  char byte = 0;
  const ssize_t n = ::recv(impl_->descriptor.native_handle(), &byte, 1, MSG_PEEK);
  return n < 0 ? IoCount{0, errno} : IoCount{static_cast<std::size_t>(n), 0};
}

IoCount Socket::write(std::span<const iovec> pieces) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  const ssize_t n = ::sendmsg(impl_->descriptor.native_handle(), &message, MSG_NOSIGNAL);
  return n < 0 ? IoCount{0, errno} : IoCount{static_cast<std::size_t>(n), 0};
}

void Socket::shutdown_write() noexcept {
  (void)::shutdown(impl_->descriptor.native_handle(), SHUT_WR);
}

void Socket::reset_on_close() noexcept {
  const linger now{.l_onoff = 1, .l_linger = 0};
  (void)::setsockopt(impl_->descriptor.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void Socket::close() noexcept {
  close_descriptor(impl_->descriptor);
}

struct Listener::Impl {
  IoPool::Loop& loop;
  std::shared_ptr<IoPool::Loop::Context> context;
  Descriptor descriptor;
  std::uint16_t port = 0;
};

Listener::Listener(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Listener::~Listener() = default;
Listener::Listener(Listener&&) noexcept = default;

Result<Listener> Listener::open(IoPool::Loop& loop, const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (rc != 0) {
    return make_error(ErrorCode::kInvalid, "cannot listen on '{}': {}", host, ::gai_strerror(rc));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  Bound bound;
  for (const addrinfo* a = found; a != nullptr && bound.fd < 0; a = a->ai_next) {
    bound = bind_and_listen(*a);
  }
  if (bound.fd < 0) {
    return make_error(ErrorCode::kIo, "cannot listen on {} port {}: {}", host, port,
                      std::strerror(bound.error));
  }
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  (void)::getsockname(bound.fd, reinterpret_cast<sockaddr*>(&address), &size);
  const std::uint16_t chosen =
      ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                          : reinterpret_cast<sockaddr_in&>(address).sin_port);
  return Listener(std::unique_ptr<Impl>(
      new Impl{loop, loop.context, Descriptor(loop.context->io, bound.fd), chosen}));
}

std::uint16_t Listener::port() const noexcept {
  return impl_->port;
}

void Listener::wait_acceptable(LoopTask callback) {
  wait(impl_->loop, impl_->descriptor, Descriptor::wait_read, std::move(callback));
}

Listener::Accepted Listener::accept() {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int fd = ::accept4(impl_->descriptor.native_handle(), reinterpret_cast<sockaddr*>(&address),
                           &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return {-1, errno, {}};
  return {fd, 0, peer_text(address)};
}

void Listener::close() noexcept {
  close_descriptor(impl_->descriptor);
}

struct Timer::State {
  State(IoPool::Loop& l, LoopTask cb)
      : loop(l), context(l.context), timer(l.context->io), callback(std::move(cb)) {}

  IoPool::Loop& loop;
  std::shared_ptr<IoPool::Loop::Context> context;
  asio::steady_timer timer;
  LoopTask callback;  // empty while it runs and once the Timer is gone
  MonotonicTime due = MonotonicTime::max();
  MonotonicTime armed_for = MonotonicTime::max();  // max = no wait is queued
  bool is_orphan = false;                          // the Timer is gone

  static void arm(const std::shared_ptr<State>& self) {
    self->armed_for = self->due;
    self->timer.expires_at(
        std::chrono::steady_clock::time_point(std::chrono::nanoseconds(self->due.ns)));
    self->timer.async_wait([self](const boost::system::error_code& ec) {
      if (!ec) on_expiry(self);
    });
  }

  static void on_expiry(const std::shared_ptr<State>& self) {
    self->armed_for = MonotonicTime::max();
    if (!self->callback || self->due == MonotonicTime::max()) return;
    if (monotonic_now() < self->due) return arm(self);
    self->due = MonotonicTime::max();
    self->loop.run([self] {
      // Moved out while it runs: it may destroy the Timer.
      LoopTask running = std::exchange(self->callback, {});
      running();
      if (!self->is_orphan) self->callback = std::move(running);
    });
  }
};

Timer::Timer(IoPool::Loop& loop, LoopTask callback)
    : state_(std::make_shared<State>(loop, std::move(callback))) {}

Timer::~Timer() {
  state_->is_orphan = true;
  state_->callback = nullptr;
  state_->timer.cancel();
}

void Timer::set(MonotonicTime due) {
  state_->due = due;
  if (due < state_->armed_for) State::arm(state_);
}

void Timer::clear() noexcept {
  state_->due = MonotonicTime::max();
}

}  // namespace penstock::net
