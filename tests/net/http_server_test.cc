#include "net/http_server.h"
#include <gtest/gtest.h>
#include "net/http_client.h"
#include "net/io_pool.h"
namespace penstock::net {
TEST(HttpServer, answers) {
  SystemClock clock;
  Ledger ledger(clock);
  IoPool pool(2);
  auto server = HttpServer::listen(
      pool, ledger, {},
      [](std::shared_ptr<HttpExchange> ex) {
        ex->respond(
            {.status = 200, .headers = {{"x-a", "b"}}, .body = "hello " + ex->request().path});
      },
      {});
  ASSERT_TRUE(server);
  HttpClient client("127.0.0.1", (*server)->port());
  for (int i = 0; i < 3; ++i) {
    auto r = client.send({.method = "GET", .target = "/x%20y"}, std::chrono::seconds(5));
    ASSERT_TRUE(r) << r.error().message();
    EXPECT_EQ(r->status, 200);
    EXPECT_EQ(r->body, "hello /x y");
  }
  EXPECT_EQ((*server)->num_connections(), 1);
  (*server)->close_all(std::chrono::seconds(2));
  EXPECT_TRUE(ledger.is_empty());
  server->reset();
  pool.stop(std::chrono::seconds(1));
}
}  // namespace penstock::net
