// The frontend: answers the public port's requests with the models it is given.
//
//   Frontend frontend(options, pool, ledger, clock, registry, std::move(models));
//   http.check_headers = frontend.header_check();
//   auto server = net::HttpServer::listen(pool, ledger, http, frontend.handler(),
//                                         frontend.error_body());
//   ...
//   frontend.begin_drain();                     // /ready is 503, new requests are refused
//   (*server)->stop_accepting();
//   frontend.drain(std::chrono::seconds(25));   // then: server closed, pool stopped, destroyed
//
// Threading: construct, drain and destroy from one owner; the handlers run on the pool's loops.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/ledger.h"
#include "frontend/access/access.h"
#include "frontend/admin/admin.h"
#include "frontend/models.h"
#include "frontend/options.h"
#include "metrics/registry.h"
#include "net/http_server.h"
#include "net/io_pool.h"

namespace penstock::frontend {

// All of it outlives the frontend.
struct FrontendDeps {
  net::IoPool& pool;
  Ledger& ledger;
  const Clock& clock;
  metrics::Registry& registry;
  const Access* access = nullptr;  // null: no keys, everyone is the tenant `default`
};

class Frontend final {
 public:
  Frontend(FrontendOptions options, FrontendDeps deps, std::vector<ServedModel> models);
  // The pool has stopped, or nothing of this frontend runs on it any more.
  ~Frontend();

  // All refer to this frontend, which outlives the server they are given to.
  [[nodiscard]] net::HttpHandler handler();
  // Refuses a request without a good key before its body is read.
  [[nodiscard]] net::HttpHeaderCheck header_check();
  [[nodiscard]] net::HttpErrorBody error_body();
  // What an Admin shows and does; this frontend outlives it.
  [[nodiscard]] AdminView admin_view();

  [[nodiscard]] bool is_ready() const;
  [[nodiscard]] std::size_t num_in_flight() const;

  // From now on new requests get 503 `draining`; those in flight go on.
  void begin_drain();
  // Waits until the last request has ended, at most `timeout`; what is left then gets the error
  // `draining`. True when none was left.
  bool drain(Duration timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::frontend
