// The admin port: what an operator may see and do (docs/admin.md).
//
//   Admin admin({.token = sha256(token), .config = json}, frontend.admin_view());
//   http.check_headers = admin.header_check();
//   auto server = net::HttpServer::listen(pool, ledger, http, admin.handler(), admin.error_body());
//
// Every POST writes one line to the log: who, what, result. With a token every request carries it.
// Without one the port is for this machine, and requests of web pages are refused: a page that an
// operator visits could otherwise reach it.
// Threading: construct and destroy from one owner; the handlers run on the pool's loops.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/hash.h"
#include "base/ledger.h"
#include "frontend/access/access.h"
#include "frontend/admin/explain_store.h"
#include "frontend/ids.h"
#include "frontend/models.h"
#include "frontend/options.h"
#include "frontend/service_routes.h"
#include "net/http_server.h"

namespace penstock::frontend {

struct AdminOptions {
  std::optional<Sha256Digest> token{};  // of what `Authorization: Bearer` must carry
  std::string config{};                 // what GET /config answers: a JSON text
};

// Of the frontend that the port belongs to; all of it outlives the Admin.
struct AdminView {
  const FrontendOptions& options;
  const Clock& clock;
  const Ledger& ledger;
  std::function<ServiceView()> service;  // as it is now
  const Models& models;
  const Access& access;
  const ExplainStore& explain;
  IdSource& ids;
};

class Admin final {
 public:
  Admin(AdminOptions options, AdminView view);
  ~Admin();

  // All refer to this Admin, which outlives the server they are given to.
  [[nodiscard]] net::HttpHandler handler();
  [[nodiscard]] net::HttpHeaderCheck header_check();
  [[nodiscard]] net::HttpErrorBody error_body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::frontend
