// The HTTP/1.1 server: connections, limits and timeouts; what a route answers is the handler's.
//
// A handler is called on the connection's loop with a complete request and an exchange to answer
// through, now or later. Everything of an exchange happens on that loop; post() brings work there
// from other threads. A handler never blocks and never throws.
//
//   auto server = HttpServer::listen(pool, ledger, {.port = 8000},
//       [](std::shared_ptr<HttpExchange> exchange) {
//         exchange->respond({.status = 200, .body = "hello\n"});
//       },
//       error_body);
//
// What is noticed of a client that goes away, and when: README.md, "Disconnects".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ledger.h"
#include "base/result.h"
#include "metrics/registry.h"
#include "net/byte_budget.h"
#include "net/tls_files.h"

namespace penstock::net {

class IoPool;

struct HttpHeader {
  std::string name{};  // as sent; lookups ignore case
  std::string value{};
};
using HttpHeaders = std::vector<HttpHeader>;

struct HttpRequest {
  std::string method{};  // "GET"
  std::string path{};    // "/v1/models/x": percent-decoded, without the query; no control bytes,
                         // but perhaps not UTF-8
  std::string query{};   // raw, after '?'
  HttpHeaders headers{};
  std::string body{};
  ByteBudget::Lease body_lease{};  // of the body's bytes: goes where the body goes, ends with it
  MonotonicTime received_at{};     // first header byte

  [[nodiscard]] const std::string* find_header(std::string_view name) const noexcept;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers{};  // content-length and connection are the server's business
  std::string body{};
  bool close = false;  // end the connection after this answer
};

// One request being answered. Exactly one of: respond(), or start_stream() ... finish_stream().
// Held by shared_ptr by whoever will answer; it may be dropped on any thread. When the last holder
// drops it unanswered, the client gets 500 and a BUG is logged, so no request can hang on us; a
// stream dropped unfinished is aborted. A callback given to on_disconnect() or set_timer() that
// holds the exchange keeps it from being dropped: hold it weakly there. Callbacks are destroyed
// when the exchange is over: its last byte taken by the socket, or the client gone. From then on
// every call does nothing.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  // The loop's methods: only from the loop's thread.

  // Valid as long as the exchange is held, also after it is over.
  [[nodiscard]] virtual HttpRequest& request() noexcept = 0;
  virtual void respond(HttpResponse response) = 0;
  virtual void start_stream(int status, HttpHeaders headers) = 0;
  // Queues one chunk; all that one turn of the loop queues goes out in one write. Never blocks. To
  // HTTP/1.0 the stream ends with the connection.
  virtual void write(std::string chunk) = 0;
  virtual void finish_stream() = 0;
  // Resets the connection without finishing the answer; on_disconnect() is not called.
  virtual void abort() = 0;
  // Bytes queued and not yet taken by the socket.
  [[nodiscard]] virtual std::size_t unsent_bytes() const noexcept = 0;
  [[nodiscard]] virtual bool is_disconnected() const noexcept = 0;
  // Called once if the client goes away (reset, write error, write timeout), or the server closes
  // the connection, before the answer has been sent in full; soon, if that has happened already. A
  // half-closed connection is not gone.
  virtual void on_disconnect(std::move_only_function<void()> callback) = 0;
  // A chunk that means nothing to its reader, such as an SSE comment. It is written once if the
  // client closes its sending side while the stream is quiet: one that has gone altogether answers
  // it with a reset, so that on_disconnect() need not wait for the next token. Unanswered requests
  // are probed without it (README.md, "Disconnects"). Optional.
  virtual void set_probe(std::string_view /*chunk*/) {}
  // Runs `callback` on the loop after `delay` unless the exchange is over by then; a new timer
  // replaces the old one.
  virtual void set_timer(Duration delay, std::move_only_function<void()> callback) = 0;
  virtual void cancel_timer() = 0;

  // From any thread: runs `task` on the exchange's loop, in order of posting, also when the
  // exchange is over by then; once the pool has stopped it is dropped unrun.
  virtual void post(std::move_only_function<void()> task) = 0;
  // The number of the loop, to batch posts by.
  [[nodiscard]] virtual std::size_t loop_index() const noexcept = 0;
};

using HttpHandler = std::function<void(std::shared_ptr<HttpExchange>)>;

// Answers for what the server itself refuses (bad request line, too large, too slow): status and a
// sentence in, a whole response out. Status 503 is overload, and nothing else is: the answer may
// have the overload status of its API instead, and gets `retry-after: 1` unless it brings its own.
using HttpErrorBody = std::function<HttpResponse(int status, std::string_view message)>;

// Looks at a request whose headers are complete and whose body has not been read; an answer
// refuses it before the client is told to send (Expect: 100-continue). Runs on the loop.
using HttpHeaderCheck = std::function<std::optional<HttpResponse>(const HttpRequest& request)>;

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 = a free one
  std::size_t body_limit_bytes = 64ULL << 20;
  std::size_t header_limit_bytes = 64ULL << 10;
  Duration header_timeout = std::chrono::seconds(10);
  Duration body_timeout = std::chrono::seconds(60);
  Duration idle_timeout = std::chrono::seconds(75);
  Duration write_timeout = std::chrono::seconds(60);  // without progress
  Duration linger_timeout = std::chrono::seconds(1);  // reading on after a refusal, so it arrives
  std::size_t max_connections = 65536;                // accepting pauses above
  // Request bodies received, or being received, and not yet given up by whoever has the lease; a
  // request that would pass it is refused as overload.
  std::size_t max_buffered_body_bytes = default_body_budget_bytes();
  HttpHeaderCheck check_headers{};  // may be empty
  TlsFiles tls{};                   // none = plain HTTP
  metrics::Gauge connections{};     // open ones; servers may share it
};

class HttpServer final {
 public:
  // Binds and listens; the error names address and port, or the TLS file at fault. `pool` and
  // `ledger` outlive the server.
  // Construct, use and destroy it off the loops: its methods wait for them.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> listen(IoPool& pool, Ledger& ledger,
                                                                  HttpServerOptions options,
                                                                  HttpHandler handler,
                                                                  HttpErrorBody error_body);
  ~HttpServer();  // closes what is open; no handler runs afterwards
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::size_t num_connections() const noexcept;
  [[nodiscard]] std::size_t num_buffered_body_bytes() const noexcept;
  // Reads the TLS files again, for new connections; on an error (or without TLS) nothing changes.
  // From any thread but the loops': it reads files.
  [[nodiscard]] Status reload_certificates();
  // Stops accepting; idle connections close, the others finish their current exchange and close.
  // New ones are refused when this returns.
  void stop_accepting();
  // Closes every connection now, answered or not; returns when all are gone or `timeout` is over.
  // Implies stop_accepting().
  void close_all(Duration timeout);

 private:
  struct Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with the connections that are still closing
};

}  // namespace penstock::net
