// Time limits: drippers, silent clients, slow readers.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <vector>

#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(HttpTimeout, an_idle_connection_is_closed_without_an_answer) {
  HttpServerOptions options;
  options.idle_timeout = milliseconds(60);
  TestServer server(echo, std::move(options));
  RawClient silent(server.port());
  EXPECT_EQ(silent.read_to_end(), "");
  RawClient kept(server.port());
  EXPECT_EQ(kept.ask(kGet).status, 200);
  EXPECT_EQ(kept.read_to_end(), "");
  RawClient blank_lines(server.port());
  blank_lines.send("\r\n\r\n\r");
  EXPECT_EQ(blank_lines.read_to_end(), "");
}

TEST(HttpTimeout, an_answer_that_takes_longer_than_every_limit_is_waited_for) {
  HttpServerOptions options;
  options.idle_timeout = options.header_timeout = milliseconds(20);
  options.body_timeout = options.write_timeout = milliseconds(20);
  TestServer server(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->set_timer(milliseconds(150),
                            [exchange] { exchange->respond(text_response("late")); });
      },
      std::move(options));
  RawClient client(server.port());
  EXPECT_EQ(client.ask(kGet).body, "late");
}

TEST(HttpTimeout, late_headers_and_late_bodies_get_408) {
  HttpServerOptions options;
  options.header_timeout = options.body_timeout = milliseconds(60);
  TestServer server(echo, std::move(options));
  for (const char* start :
       {"G", "GET / HTTP/1.1\r\nHost: h\r\n", "\r\nGET",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n"}) {
    RawClient client(server.port());
    const RawAnswer answer = client.ask(start);
    EXPECT_EQ(answer.status, 408) << start;
    EXPECT_EQ(answer.header("connection"), "close") << start;
    EXPECT_TRUE(client.is_closed_by_server()) << start;
  }
}

TEST(HttpTimeout, the_deadline_of_a_kept_connection_starts_with_the_next_request) {
  HttpServerOptions options;
  options.header_timeout = milliseconds(200);
  TestServer server(echo, std::move(options));
  RawClient client(server.port());
  const MonotonicTime start = SystemClock().now();
  while (SystemClock().now() - start < milliseconds(500)) ASSERT_EQ(client.ask(kGet).status, 200);
  EXPECT_EQ(client.ask("GET /").status, 408);
}

// One thread drips a byte at a time into many connections: each is answered with 408 when its time
// is up, however steadily bytes arrive, and nobody else notices.
TEST(HttpTimeout, hundreds_of_drippers_are_closed_in_time_and_delay_nobody) {
  constexpr int kNumDrippers = 300;
  HttpServerOptions options;
  options.header_timeout = options.body_timeout = milliseconds(700);
  options.linger_timeout = milliseconds(200);
  TestServer server(echo, std::move(options));

  std::vector<RawClient> drippers;
  for (int i = 0; i < kNumDrippers; ++i) {
    drippers.emplace_back(server.port());
    ASSERT_TRUE(drippers.back().is_connected());
    // Half of them drip their body.
    if (i % 2 == 0) {
      drippers.back().send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    }
  }
  std::atomic<bool> stop = false;
  std::thread dripping([&] {
    while (!stop) {
      for (RawClient& dripper : drippers) {
        (void)::send(dripper.stream().fd(), "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      }
      std::this_thread::sleep_for(milliseconds(2));  // the drip itself
    }
  });

  RawClient normal(server.port());
  Duration slowest{};
  EXPECT_TRUE(eventually([&] {
    const MonotonicTime start = SystemClock().now();
    EXPECT_EQ(normal.ask(kGet).status, 200);
    slowest = std::max(slowest, SystemClock().now() - start);
    return server.server().num_connections() == 1;
  }));
  stop = true;
  dripping.join();
  EXPECT_LT(slowest, std::chrono::seconds(3));  // peers: as long as the drip lasts
  int num_told = 0;
  for (RawClient& dripper : drippers) {
    if (dripper.read_answer().status == 408) ++num_told;
  }
  // A reset may overtake the answer of one that still drips when its time to linger ends.
  EXPECT_GT(num_told, 0);
}

void set_small_receive_buffer(RawClient& client) {
  const int bytes = 4096;
  ::setsockopt(client.stream().fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

TEST(HttpTimeout, a_client_that_does_not_read_is_reset_and_its_request_cancelled) {
  HttpServerOptions options;
  options.write_timeout = milliseconds(100);
  std::atomic<int> num_cancelled = 0;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->on_disconnect([&] { ++num_cancelled; });
        if (exchange->request().path == "/stream") {
          exchange->start_stream(200, {});
          exchange->write(std::string(64 << 20, 'x'));
          EXPECT_GE(exchange->unsent_bytes(), 64 << 20);
          exchange->set_timer(std::chrono::hours(1), [exchange] {});
        } else {
          exchange->respond(text_response(std::string(64 << 20, 'x')));
        }
      },
      std::move(options));
  int expected = 0;
  for (const char* path : {"/stream", "/whole"}) {
    RawClient client(server.port());
    set_small_receive_buffer(client);
    client.send(format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
    ++expected;
    EXPECT_TRUE(eventually([&] { return num_cancelled == expected; })) << path;
    EXPECT_TRUE(server.becomes_idle());
    EXPECT_TRUE(client.is_closed_by_server());
    EXPECT_TRUE(client.was_reset());
  }
}

// The kernel would take it all and let it look sent.
TEST(HttpTimeout, an_answer_of_a_megabyte_that_nobody_reads_is_noticed_too) {
  HttpServerOptions options;
  options.write_timeout = milliseconds(100);
  std::atomic<bool> is_cancelled = false;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->on_disconnect([&] { is_cancelled = true; });
        exchange->respond(text_response(std::string(1 << 20, 'x')));
      },
      std::move(options));
  RawClient client(server.port());
  set_small_receive_buffer(client);
  client.send(kGet);
  EXPECT_TRUE(eventually([&] { return is_cancelled.load(); }));
  EXPECT_TRUE(server.becomes_idle());
}

TEST(HttpTimeout, a_slow_reader_that_makes_progress_is_served_to_the_end) {
  HttpServerOptions options;
  options.write_timeout = milliseconds(400);
  constexpr std::size_t kBytes = 24UL << 20;
  TestServer server(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->respond(text_response(std::string(kBytes, 'x')));
      },
      std::move(options));
  RawClient client(server.port());
  client.send(kGet);
  std::size_t num_read = 0;
  const MonotonicTime start = SystemClock().now();
  // Paced to take longer than the timeout, in steps far below it.
  while (num_read < kBytes && client.read_more()) {
    num_read += client.unread().size();
    client.unread().clear();
    const auto earliest =
        start + std::chrono::duration_cast<Duration>(milliseconds(900)) * num_read / kBytes;
    while (SystemClock().now() < earliest) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_GE(num_read, kBytes);
  EXPECT_GT(SystemClock().now() - start, milliseconds(400));
}

TEST(HttpTimeout, lingering_ends_although_the_client_goes_on_sending) {
  HttpServerOptions options;
  options.body_limit_bytes = 10;
  options.linger_timeout = milliseconds(100);
  TestServer server(echo, std::move(options));
  RawClient client(server.port());
  EXPECT_EQ(client.ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n").status, 413);
  EXPECT_TRUE(eventually([&] { return !client.send("more and more"); }));
  EXPECT_TRUE(server.becomes_idle());
}

}  // namespace
}  // namespace penstock::net
