// A server on loopback with all it needs, which checks on its way out that nothing is left.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/ledger.h"
#include "net/http_server.h"
#include "net/io_pool.h"
#include "tests/net/raw_client.h"

namespace penstock::net {

inline HttpResponse text_response(std::string body) {
  return {.status = 200, .headers = {{"content-type", "text/plain"}}, .body = std::move(body)};
}

// Method, path, query and body, so that a test sees what the server understood.
inline void echo(const std::shared_ptr<HttpExchange>& exchange) {
  const HttpRequest& request = exchange->request();
  exchange->respond(text_response(request.method + " " + request.path + "?" + request.query + " " +
                                  request.body));
}

class TestServer final {
 public:
  explicit TestServer(HttpHandler handler = echo, HttpServerOptions options = {},
                      std::size_t num_threads = 2)
      : pool_(num_threads) {
    auto server =
        HttpServer::listen(pool_, ledger_, std::move(options), std::move(handler),
                           [](int status, std::string_view message) {
                             return HttpResponse{.status = status, .body = std::string(message)};
                           });
    EXPECT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
  }

  ~TestServer() {
    const MonotonicTime start = clock_.now();
    if (server_) server_->close_all(kPatience);
    EXPECT_TRUE(server_ == nullptr || server_->num_connections() == 0);
    server_.reset();
    EXPECT_TRUE(ledger_.is_empty()) << ledger_.lines().front().owner;
    pool_.stop(kPatience);
    EXPECT_LT(clock_.now() - start, kPatience);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] HttpServer& server() { return *server_; }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] IoPool& pool() { return pool_; }

  // Everything the connections held is given back while the server still runs.
  [[nodiscard]] bool becomes_idle() {
    return eventually([this] { return ledger_.is_empty() && server_->num_connections() == 0; });
  }

 private:
  SystemClock clock_;
  Ledger ledger_{clock_};
  IoPool pool_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace penstock::net
