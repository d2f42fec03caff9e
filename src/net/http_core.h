// What the connections of one server share.
//
// Threading: `options`, `handler` and `error_body` are constant; the rest is atomic or locked, or
// locks itself (`tls`).
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/ledger.h"
#include "base/mutex.h"
#include "net/byte_budget.h"
#include "net/http_server.h"
#include "net/io_pool.h"
#include "net/tls_context.h"

namespace penstock::net {

class HttpConnection;

// As HttpErrorBody is told.
inline constexpr int kOverloadStatus = 503;

struct HttpCore {
  HttpCore(IoPool& io_pool, Ledger& shared_ledger, HttpServerOptions server_options,
           HttpHandler request_handler, HttpErrorBody refusal_body,
           std::unique_ptr<TlsContext> tls_context)
      : pool(io_pool),
        ledger(shared_ledger),
        options(std::move(server_options)),
        handler(std::move(request_handler)),
        error_body(std::move(refusal_body)),
        tls(std::move(tls_context)),
        body_budget(std::make_shared<ByteBudget>(options.max_buffered_body_bytes)),
        by_loop(io_pool.num_loops()) {}

  IoPool& pool;
  Ledger& ledger;
  const HttpServerOptions options;
  const HttpHandler handler;
  const HttpErrorBody error_body;
  const std::unique_ptr<TlsContext> tls;          // null = plain HTTP
  const std::shared_ptr<ByteBudget> body_budget;  // shared with the leases

  // Open connections by loop; each set belongs to its loop's thread.
  std::vector<std::unordered_set<std::shared_ptr<HttpConnection>>> by_loop;

  std::atomic<std::size_t> num_connections{0};
  std::atomic<bool> is_draining{false};    // nothing new is accepted
  std::atomic<bool> is_closed{false};      // no handler is called any more
  std::atomic<bool> accept_paused{false};  // at max_connections
  std::function<void()> resume_accept;     // from any loop

  Mutex mutex;
  CondVar all_gone;  // num_connections fell to 0

  [[nodiscard]] HttpResponse error_response(int status, std::string_view message) const;
  void connection_closed();
};

}  // namespace penstock::net
