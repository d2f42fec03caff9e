// An exchange dropped by its handler is a bug of ours that one client pays for: it gets 500. Builds
// with assertions end the process instead, at the bug.
#include <gtest/gtest.h>

#include <thread>

#include "base/check.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

#ifdef NDEBUG

TEST(DroppedExchange, gets_500_whichever_thread_drops_it) {
  std::thread other;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) {
    if (exchange->request().path == "/a") return;
    if (other.joinable()) other.join();
    other = std::thread([held = std::move(exchange)]() mutable { held.reset(); });
  });
  const unsigned long bugs = bug_count();
  RawClient client(server.port());
  for (const char* path : {"/a", "/b", "/a", "/b"}) {
    EXPECT_EQ(client.ask(format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path)).status, 500);
  }
  EXPECT_EQ(bug_count(), bugs + 4);
  other.join();
}

TEST(DroppedExchange, cuts_its_stream) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->start_stream(200, {});
    exchange->write("x");
  });
  RawClient client(server.port());
  EXPECT_EQ(client.ask(kGet).status, 0);
  EXPECT_TRUE(server.becomes_idle());
}

TEST(DroppedExchange, a_handler_that_throws_gets_its_client_500) {
  TestServer server(
      [](const std::shared_ptr<HttpExchange>&) { throw std::runtime_error("a bug"); });
  RawClient client(server.port());
  EXPECT_EQ(client.ask(kGet).status, 500);
  EXPECT_EQ(client.ask(kGet).status, 500);
}

TEST(DroppedExchange, a_second_answer_is_ignored) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->respond(text_response("first"));
    exchange->respond(text_response("second"));
    exchange->write("third");
  });
  RawClient client(server.port());
  EXPECT_EQ(client.ask(kGet).body, "first");
  EXPECT_EQ(client.ask(kGet).body, "first");
}

#else

void serve_one(HttpHandler handler) {
  TestServer server(std::move(handler));
  RawClient client(server.port());
  client.ask(kGet);
}

TEST(DroppedExchangeDeathTest, ends_a_debug_build_at_the_bug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(serve_one([](const std::shared_ptr<HttpExchange>&) {}), "dropped unanswered");
  EXPECT_DEATH(serve_one([](const std::shared_ptr<HttpExchange>& exchange) {
                 exchange->start_stream(200, {});
               }),
               "stream unfinished");
  EXPECT_DEATH(serve_one([](const std::shared_ptr<HttpExchange>& exchange) {
                 exchange->respond(text_response("first"));
                 exchange->respond(text_response("second"));
               }),
               "answered twice");
}

#endif

}  // namespace
}  // namespace penstock::net
