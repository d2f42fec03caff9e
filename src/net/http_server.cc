#include "net/http_server.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/http_connection.h"
#include "net/http_core.h"
#include "net/http_text.h"
#include "net/socket.h"

namespace penstock::net {
namespace {

// Accepted in one turn before other work of the loop gets its turn.
constexpr int kMaxAcceptsPerTurn = 64;
// Out of file descriptors or memory: look again after this, say so at most every kWarnInterval.
constexpr Duration kAcceptBackoff = std::chrono::milliseconds(50);
constexpr Duration kWarnInterval = std::chrono::seconds(5);
// How long stop_accepting() waits for loops that are busy.
constexpr Duration kStopTimeout = std::chrono::seconds(5);
constexpr std::size_t kAcceptLoop = 0;

bool is_out_of_resources(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// Counts down to the moment when a task has run on each loop.
class Gathering {
 public:
  explicit Gathering(std::size_t count) : missing_(count) {}
  void arrive() {
    const MutexLock lock(mutex_);
    --missing_;
    complete_.notify_all();
  }
  void wait(Duration timeout) {
    const MutexLock lock(mutex_);
    complete_.wait_for(mutex_, timeout, [this]() REQUIRES(mutex_) { return missing_ == 0; });
  }

 private:
  Mutex mutex_;
  CondVar complete_;
  std::size_t missing_ GUARDED_BY(mutex_);
};

}  // namespace

const std::string* HttpRequest::find_header(std::string_view name) const noexcept {
  return net::find_header(headers, name);
}

HttpResponse HttpCore::error_response(int status, std::string_view message) const {
  HttpResponse response = error_body ? error_body(status, message)
                                     : HttpResponse{.status = status,
                                                    .headers = {{"content-type", "text/plain"}},
                                                    .body = std::string(message) + "\n"};
  if (status == kOverloadStatus && net::find_header(response.headers, "retry-after") == nullptr) {
    response.headers.push_back({"retry-after", "1"});
  }
  return response;
}

void HttpCore::connection_closed() {
  options.connections.subtract();
  const std::size_t before = num_connections.fetch_sub(1);
  if (accept_paused.exchange(false)) resume_accept();
  if (before == 1) {
    const MutexLock lock(mutex);
    all_gone.notify_all();
  }
}

struct HttpServer::Impl : std::enable_shared_from_this<HttpServer::Impl> {
  Impl(std::shared_ptr<HttpCore> shared_core, Listener open_listener)
      : core(std::move(shared_core)), listener(std::move(open_listener)), port(listener->port()) {}

  [[nodiscard]] IoPool::Loop& accept_loop() const { return core->pool.loop(kAcceptLoop); }

  // On the accept loop, as all up to stop().
  void start() {
    backoff.emplace(accept_loop(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->accept_some();
    });
    wait_acceptable();
  }

  void wait_acceptable() {
    listener->wait_acceptable([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->accept_some();
    });
  }

  void accept_some() {
    for (int i = 0; i < kMaxAcceptsPerTurn; ++i) {
      if (!listener || is_paused()) return;
      Listener::Accepted accepted = listener->accept();
      if (accepted.error == 0) {
        open(accepted.fd, std::move(accepted.peer));
      } else if (accepted.error == EAGAIN) {
        return wait_acceptable();
      } else if (is_out_of_resources(accepted.error)) {
        warn_of(accepted.error);
        return backoff->set(monotonic_now() + kAcceptBackoff);
      }
      // Anything else concerns a connection that broke before it was ours.
    }
    wait_acceptable();
  }

  // At the limit nothing waits; the connection that closes next calls resume_accept.
  bool is_paused() {
    const auto is_full = [this] {
      return core->num_connections.load() >= core->options.max_connections;
    };
    if (!is_full()) return false;
    core->accept_paused.store(true);
    if (is_full()) return true;
    // One closed meanwhile: if it took the flag, its call to resume is on its way.
    return !core->accept_paused.exchange(false);
  }

  void open(int fd, std::string peer) {
    IoPool::Loop& loop = core->pool.loop(next_loop++ % core->pool.num_loops());
    auto connection = std::make_shared<HttpConnection>(core, loop, fd, std::move(peer));
    loop.inbox->post([connection = std::move(connection)] { connection->start(); });
  }

  void warn_of(int error) {
    const MonotonicTime now = monotonic_now();
    if (now < next_warning) return;
    next_warning = now + kWarnInterval;
    log_warning("http port {}: cannot accept with {} connections open: {}", port,
                core->num_connections.load(), std::strerror(error));
  }

  // Off the loops: runs `task(loop index)` on each and waits until all have.
  void run_on_loops(const std::function<void(std::size_t)>& task, Duration timeout) {
    const std::size_t count = core->pool.num_loops();
    const auto gathering = std::make_shared<Gathering>(count);
    for (std::size_t i = 0; i < count; ++i) {
      IoPool::Loop& loop = core->pool.loop(i);
      CHECK(!loop.inbox->is_loop_thread(), "a server is stopped from outside of its loops");
      const bool accepted = loop.inbox->post([gathering, task, i] {
        task(i);
        gathering->arrive();
      });
      if (!accepted) gathering->arrive();
    }
    gathering->wait(timeout);
  }

  void stop_accepting(Duration timeout) {
    if (core->is_draining.exchange(true)) return;
    run_on_loops(
        [self = shared_from_this()](std::size_t i) {
          if (i == kAcceptLoop) self->stop_listening();
          self->for_each_connection(i, &HttpConnection::close_when_done);
        },
        timeout);
  }

  void stop_listening() {
    listener.reset();
    backoff.reset();
  }

  void close_all(Duration timeout) {
    const MonotonicTime deadline = monotonic_now() + timeout;
    core->is_closed = true;
    stop_accepting(timeout);
    run_on_loops([self = shared_from_this()](
                     std::size_t i) { self->for_each_connection(i, &HttpConnection::close_now); },
                 deadline - monotonic_now());
    const MutexLock lock(core->mutex);
    core->all_gone.wait_for(core->mutex, deadline - monotonic_now(),
                            [this] { return core->num_connections.load() == 0; });
  }

  void for_each_connection(std::size_t loop_index, void (HttpConnection::*member)()) {
    // A copy: closing takes a connection out of the set.
    const auto connections = core->by_loop[loop_index];
    for (const auto& connection : connections) (connection.get()->*member)();
  }

  const std::shared_ptr<HttpCore> core;  // shared with the connections
  std::optional<Listener> listener;      // empty once stopped
  const std::uint16_t port;
  std::optional<Timer> backoff;
  MonotonicTime next_warning{};
  std::size_t next_loop = 0;
};

Result<std::unique_ptr<HttpServer>> HttpServer::listen(IoPool& pool, Ledger& ledger,
                                                       HttpServerOptions options,
                                                       HttpHandler handler,
                                                       HttpErrorBody error_body) {
  std::unique_ptr<TlsContext> tls;
  if (options.tls.is_wanted()) {
    ASSIGN_OR_RETURN(tls, TlsContext::load(options.tls));
  }
  ASSIGN_OR_RETURN(Listener listener,
                   Listener::open(pool.loop(kAcceptLoop), options.host, options.port));
  auto core = std::make_shared<HttpCore>(pool, ledger, std::move(options), std::move(handler),
                                         std::move(error_body), std::move(tls));
  auto impl = std::make_shared<Impl>(std::move(core), std::move(listener));
  impl->core->resume_accept = [weak = std::weak_ptr(impl)] {
    const auto self = weak.lock();
    if (!self) return;
    self->accept_loop().inbox->post([weak] {
      if (const auto again = weak.lock()) again->accept_some();
    });
  };
  pool.post(kAcceptLoop, [impl] { impl->start(); });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->close_all(kStopTimeout);
}

std::uint16_t HttpServer::port() const noexcept {
  return impl_->port;
}

std::size_t HttpServer::num_connections() const noexcept {
  return impl_->core->num_connections.load();
}

Status HttpServer::reload_certificates() {
  if (!impl_->core->tls) {
    return make_error(ErrorCode::kInvalid,
                      "http port {} speaks no TLS; start it with a certificate and a key",
                      impl_->port);
  }
  return impl_->core->tls->reload();
}

void HttpServer::stop_accepting() {
  impl_->stop_accepting(kStopTimeout);
}

std::size_t HttpServer::num_buffered_body_bytes() const noexcept {
  return impl_->core->body_budget->held_bytes();
}

void HttpServer::close_all(Duration timeout) {
  impl_->close_all(timeout);
}

}  // namespace penstock::net
