#include "net/http_client.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

TEST(HttpClient, hands_out_a_stream_as_it_comes) {
  std::atomic<int> num_seen = 0;
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->start_stream(200, {{"content-type", "text/event-stream"}});
    exchange->write("one");
    struct Poller {
      // The second piece is sent only after the first has been seen.
      static void poll(const std::shared_ptr<HttpExchange>& e, const std::atomic<int>& seen) {
        if (seen == 0) return e->set_timer(milliseconds(1), [e, &seen] { poll(e, seen); });
        e->write("two");
        e->finish_stream();
      }
    };
    Poller::poll(exchange, num_seen);
  });
  HttpClient client("127.0.0.1", server.port());
  std::string type;
  std::string all;
  const auto answer = client.send(
      {}, kPatience,
      [&](const HttpClientResponse& head) { type = *head.find_header("Content-Type"); },
      [&](std::string_view piece) {
        all += piece;
        ++num_seen;
        return true;
      });
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(type, "text/event-stream");
  EXPECT_EQ(all, "onetwo");
  EXPECT_EQ(answer->body, "");
}

TEST(HttpClient, a_callback_may_end_the_request) {
  std::atomic<bool> told = false;
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->on_disconnect([&] { told = true; });
    exchange->start_stream(200, {});
    exchange->write("x");
    exchange->set_timer(milliseconds(5), [exchange] { exchange->write("x"); });
    static std::shared_ptr<HttpExchange> held;
    held = exchange;
    exchange->on_disconnect([&] {
      told = true;
      held.reset();
    });
  });
  HttpClient client("127.0.0.1", server.port());
  const auto answer = client.send({}, kPatience, nullptr, [](std::string_view) { return false; });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kCancelled);
  EXPECT_TRUE(eventually([&] { return told.load(); }));
}

TEST(HttpClient, gives_up_at_its_deadline) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->on_disconnect([exchange] {});
    exchange->set_timer(std::chrono::hours(1), [exchange] {});
  });
  HttpClient client("127.0.0.1", server.port());
  const auto answer = client.send({}, milliseconds(30));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kDeadline);
}

TEST(HttpClient, connects_anew_when_the_server_has_closed_the_kept_connection) {
  HttpServerOptions options;
  options.idle_timeout = milliseconds(20);
  TestServer server(echo, std::move(options));
  HttpClient client("127.0.0.1", server.port());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.send({.target = "/a"}, kPatience);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->status, 200);
    EXPECT_TRUE(eventually([&] { return server.server().num_connections() == 0; }));
  }
}

TEST(HttpClient, answers_without_a_body_and_to_head_are_complete) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->respond({.status = exchange->request().path == "/204" ? 204 : 200, .body = "abc"});
  });
  HttpClient client("127.0.0.1", server.port());
  EXPECT_EQ(client.send({.target = "/204"}, kPatience)->status, 204);
  const auto head = client.send({.method = "HEAD"}, kPatience);
  ASSERT_TRUE(head);
  EXPECT_EQ(*head->find_header("content-length"), "3");
  EXPECT_EQ(client.send({.method = "POST"}, kPatience)->body, "abc");
}

TEST(HttpClient, skips_interim_answers) {
  TestServer server;
  HttpClient client("127.0.0.1", server.port());
  const auto answer = client.send(
      {.method = "POST", .target = "/p", .headers = {{"expect", "100-continue"}}, .body = "hi"},
      kPatience);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "POST /p? hi");
}

TEST(HttpClient, says_that_nobody_listens) {
  std::uint16_t port = 0;
  {
    TestServer server;
    port = server.port();
  }
  HttpClient client("127.0.0.1", port);
  const auto answer = client.send({}, kPatience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
  EXPECT_NE(answer.error().message().find(std::to_string(port)), std::string::npos);
}

TEST(HttpClient, reports_a_stream_that_is_cut) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->start_stream(200, {});
    exchange->write("half of it");
    exchange->set_timer(milliseconds(5), [exchange] { exchange->abort(); });
  });
  HttpClient client("127.0.0.1", server.port());
  const auto answer = client.send({}, kPatience);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace penstock::net
