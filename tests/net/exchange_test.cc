// The contract of HttpExchange: threads, timers, disconnects, and what holds after its end.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <vector>

#include "base/check.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

// Hands exchanges over to the test's thread.
class Mailbox {
 public:
  void put(std::shared_ptr<HttpExchange> exchange) {
    const std::lock_guard lock(mutex_);
    exchanges_.push_back(std::move(exchange));
  }
  std::shared_ptr<HttpExchange> take() {
    std::shared_ptr<HttpExchange> taken;
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex_);
      if (exchanges_.empty()) return false;
      taken = std::move(exchanges_.front());
      exchanges_.erase(exchanges_.begin());
      return true;
    }));
    return taken;
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<HttpExchange>> exchanges_;
};

// Runs `task` on the exchange's loop and waits for it.
void on_loop(const std::shared_ptr<HttpExchange>& exchange, std::function<void()> task) {
  std::latch done(1);
  exchange->post([&] {
    task();
    done.count_down();
  });
  done.wait();
}

TEST(Exchange, is_answered_from_another_thread_in_order_of_posting) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  std::shared_ptr<HttpExchange> exchange = mailbox.take();
  exchange->post([exchange] { exchange->start_stream(200, {}); });
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    expected += piece;
    exchange->post([exchange, piece] { exchange->write(piece); });
  }
  exchange->post([exchange] { exchange->finish_stream(); });
  exchange.reset();
  EXPECT_EQ(client.read_answer().body, expected);
}

TEST(Exchange, runs_everything_on_the_loop_it_names) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  std::vector<std::thread::id> loop_threads(server.pool().num_loops());
  for (std::size_t i = 0; i < loop_threads.size(); ++i) {
    std::latch done(1);
    server.pool().post(i, [&] {
      loop_threads[i] = std::this_thread::get_id();
      done.count_down();
    });
    done.wait();
  }
  for (int round = 0; round < 4; ++round) {
    RawClient client(server.port());
    client.send(kGet);
    const std::shared_ptr<HttpExchange> exchange = mailbox.take();
    std::thread::id seen;
    on_loop(exchange, [&] { seen = std::this_thread::get_id(); });
    EXPECT_EQ(seen, loop_threads[exchange->loop_index()]);
    on_loop(exchange, [&] { exchange->respond(text_response("x")); });
    EXPECT_EQ(client.read_answer().status, 200);
  }
}

TEST(Exchange, sends_all_that_one_turn_writes_in_one_piece) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  on_loop(exchange, [&] {
    exchange->start_stream(200, {});
    for (int i = 0; i < 20; ++i) exchange->write("chunk");
    EXPECT_GT(exchange->unsent_bytes(), 20 * 5);
    exchange->finish_stream();
  });
  ASSERT_TRUE(client.read_more());
  EXPECT_TRUE(client.unread().ends_with("0\r\n\r\n"));
}

TEST(Exchange, a_new_timer_replaces_the_old_and_cancel_stops_it) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  std::atomic<int> fired = 0;
  on_loop(exchange, [&] {
    exchange->set_timer(milliseconds(5), [&] { fired = 1; });
    exchange->set_timer(milliseconds(20), [&] { fired = 2; });
  });
  EXPECT_TRUE(eventually([&] { return fired != 0; }));
  EXPECT_EQ(fired, 2);
  on_loop(exchange, [&] {
    // Earlier than the one before, then later, then again from within.
    exchange->set_timer(std::chrono::hours(1), [&] { fired = 3; });
    exchange->set_timer(milliseconds(1), [&, exchange = exchange.get()] {
      exchange->set_timer(milliseconds(1), [&] { fired = 4; });
    });
  });
  EXPECT_TRUE(eventually([&] { return fired == 4; }));
  on_loop(exchange, [&] {
    exchange->set_timer(milliseconds(1), [&] { fired = 5; });
    exchange->cancel_timer();
    exchange->respond(text_response("x"));
  });
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_EQ(fired, 4);
}

TEST(Exchange, a_timer_does_not_outlive_its_exchange) {
  std::atomic<int> fired = 0;
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->set_timer(milliseconds(20), [&] { ++fired; });
    exchange->respond(text_response("x"));
  });
  RawClient client(server.port());
  const MonotonicTime start = SystemClock().now();
  while (SystemClock().now() - start < milliseconds(60)) ASSERT_EQ(client.ask(kGet).status, 200);
  EXPECT_EQ(fired, 0);
}

TEST(Exchange, gives_callbacks_back_when_it_is_over) {
  const auto witness = std::make_shared<int>(1);
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->on_disconnect([witness] {});
    exchange->set_timer(std::chrono::hours(1), [witness] {});
    exchange->respond(text_response("x"));
  });
  RawClient client(server.port());
  EXPECT_EQ(client.ask(kGet).status, 200);
  EXPECT_TRUE(eventually([&] { return witness.use_count() == 1; }));
}

// The states in which a client can leave, as seen by the handler.
enum class Leaving { kUnanswered, kStreamIdle, kStreamBlocked };

class ExchangeDisconnect : public testing::TestWithParam<Leaving> {};

TEST_P(ExchangeDisconnect, a_reset_is_noticed_with_nothing_written) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  std::atomic<int> num_told = 0;
  on_loop(exchange, [&] {
    exchange->on_disconnect([&] { ++num_told; });
    if (GetParam() == Leaving::kUnanswered) return;
    exchange->start_stream(200, {});
    exchange->write(GetParam() == Leaving::kStreamBlocked ? std::string(64 << 20, 'x') : "x");
  });
  if (GetParam() == Leaving::kStreamIdle) {
    EXPECT_TRUE(eventually([&] {
      std::size_t unsent = 1;
      on_loop(exchange, [&] { unsent = exchange->unsent_bytes(); });
      return unsent == 0;
    }));
  }
  EXPECT_EQ(server.ledger().held(LedgerKind::kConnection), 1);
  EXPECT_EQ(server.ledger().held(LedgerKind::kStream), GetParam() == Leaving::kUnanswered ? 0 : 1);
  client.stream().reset();
  EXPECT_TRUE(eventually([&] { return num_told == 1; }));
  EXPECT_TRUE(server.becomes_idle());  // although the exchange is still held
  on_loop(exchange, [&] {
    EXPECT_TRUE(exchange->is_disconnected());
    EXPECT_EQ(exchange->request().path, "/a");
    // All of these do nothing now.
    exchange->start_stream(200, {});
    exchange->write("x");
    exchange->finish_stream();
    exchange->respond(text_response("x"));
    exchange->set_timer(milliseconds(0), [] { FAIL(); });
    exchange->cancel_timer();
    exchange->abort();
    EXPECT_EQ(exchange->unsent_bytes(), 0);
  });
  EXPECT_EQ(num_told, 1);
  // One who asks late is told as well.
  on_loop(exchange, [&] { exchange->on_disconnect([&] { ++num_told; }); });
  EXPECT_TRUE(eventually([&] { return num_told == 2; }));
}

INSTANTIATE_TEST_SUITE_P(States, ExchangeDisconnect,
                         testing::Values(Leaving::kUnanswered, Leaving::kStreamIdle,
                                         Leaving::kStreamBlocked));

TEST(Exchange, closing_with_unread_data_is_noticed_at_once) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  std::atomic<bool> told = false;
  on_loop(exchange, [&] {
    exchange->on_disconnect([&] { told = true; });
    exchange->start_stream(200, {});
    exchange->write("a first event");
  });
  // The event is in the client's buffer, and the client has not read it.
  pollfd readable{.fd = client.stream().fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&readable, 1, 20'000), 1);
  client.stream().close();
  EXPECT_TRUE(eventually([&] { return told.load(); }));
}

TEST(Exchange, urgent_data_counts_as_a_break) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  std::atomic<bool> told = false;
  on_loop(exchange, [&] { exchange->on_disconnect([&] { told = true; }); });
  ASSERT_EQ(::send(client.stream().fd(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(Exchange, a_plain_close_is_noticed_by_the_writes_that_follow) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  std::atomic<bool> told = false;
  on_loop(exchange, [&] {
    exchange->on_disconnect([&] { told = true; });
    exchange->start_stream(200, {});
    exchange->write("x");
  });
  ASSERT_TRUE(client.read_more());
  client.stream().close();  // everything read: a FIN, as a half-close would send
  on_loop(exchange, [&] { EXPECT_FALSE(exchange->is_disconnected()); });
  on_loop(exchange, [&] { exchange->write(": keep-alive\n\n"); });  // provokes the reset
  EXPECT_TRUE(eventually([&] { return told.load(); }));
}

TEST(Exchange, a_plain_close_is_noticed_at_once_before_the_answer) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  std::atomic<bool> told = false;
  on_loop(exchange, [&] { exchange->on_disconnect([&] { told = true; }); });
  client.stream().close();
  EXPECT_TRUE(eventually([&] { return told.load(); }));
  EXPECT_TRUE(server.becomes_idle());
}

TEST(Exchange, a_plain_close_is_noticed_at_once_by_a_stream_with_a_probe) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  for (const bool has_gone : {true, false}) {
    RawClient client(server.port());
    client.send(kGet);
    const std::shared_ptr<HttpExchange> exchange = mailbox.take();
    std::atomic<bool> told = false;
    on_loop(exchange, [&] {
      exchange->on_disconnect([&] { told = true; });
      exchange->start_stream(200, {});
      exchange->write("x");
      exchange->set_probe(": anybody there\n\n");
    });
    while (!client.unread().ends_with("x\r\n")) ASSERT_TRUE(client.read_more());
    if (has_gone) {
      client.stream().close();
      EXPECT_TRUE(eventually([&] { return told.load(); }));
    } else {
      client.stream().shutdown_write();
      while (!client.unread().ends_with("there\n\n\r\n")) ASSERT_TRUE(client.read_more());
      on_loop(exchange, [&] { exchange->finish_stream(); });
      EXPECT_EQ(client.read_answer().body, "x: anybody there\n\n");
      EXPECT_FALSE(told);
    }
  }
}

TEST(Exchange, http_1_0_is_not_sent_an_interim_response) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send("GET / HTTP/1.0\r\n\r\n");
  client.stream().shutdown_write();
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  on_loop(exchange, [&] {
    exchange->set_timer(milliseconds(20), [exchange] { exchange->respond(text_response("x")); });
  });
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(Exchange, a_half_closed_client_gets_its_whole_stream) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  const std::shared_ptr<HttpExchange> exchange = mailbox.take();
  on_loop(exchange, [&] {
    exchange->on_disconnect([] { FAIL() << "a half-close is not a disconnect"; });
    exchange->start_stream(200, {});
  });
  client.stream().shutdown_write();
  for (int i = 0; i < 100; ++i) on_loop(exchange, [&] { exchange->write("x"); });
  on_loop(exchange, [&] { exchange->finish_stream(); });
  RawAnswer answer = client.read_answer();
  // Asked whether it is there, if its end was seen before the stream began.
  if (answer.status == 100) answer = client.read_answer();
  EXPECT_EQ(answer.body, std::string(100, 'x'));
  EXPECT_TRUE(server.becomes_idle());
}

TEST(Exchange, abort_resets_and_does_not_report_a_disconnect) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  for (const bool is_streaming : {false, true}) {
    RawClient client(server.port());
    client.send(kGet);
    const std::shared_ptr<HttpExchange> exchange = mailbox.take();
    on_loop(exchange, [&] {
      exchange->on_disconnect([] { FAIL(); });
      if (is_streaming) exchange->start_stream(200, {});
      exchange->abort();
      exchange->abort();
    });
    EXPECT_TRUE(client.is_closed_by_server());
    EXPECT_TRUE(client.was_reset());
  }
}

TEST(Exchange, may_be_dropped_on_any_thread_once_answered) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  const unsigned long bugs = bug_count();
  RawClient client(server.port());
  for (int i = 0; i < 50; ++i) {
    client.send(kGet);
    std::shared_ptr<HttpExchange> exchange = mailbox.take();
    exchange->post([weak = std::weak_ptr(exchange)] {
      if (const auto held = weak.lock()) held->respond(text_response("x"));
    });
    ASSERT_EQ(client.read_answer().status, 200);
    exchange.reset();
  }
  EXPECT_EQ(bug_count(), bugs);
}

TEST(Exchange, outlives_server_and_pool_harmlessly) {
  Mailbox mailbox;
  std::shared_ptr<HttpExchange> exchange;
  std::atomic<int> num_told = 0;
  {
    TestServer server([&](std::shared_ptr<HttpExchange> e) { mailbox.put(std::move(e)); });
    RawClient client(server.port());
    client.send(kGet);
    exchange = mailbox.take();
    on_loop(exchange, [&] { exchange->on_disconnect([&] { ++num_told; }); });
  }
  EXPECT_EQ(num_told, 1);
  EXPECT_TRUE(exchange->is_disconnected());
  EXPECT_EQ(exchange->request().path, "/a");
  exchange->respond(text_response("x"));
  exchange->post([] { FAIL() << "the loop has ended"; });
}

TEST(Exchange, many_threads_may_post_at_once) {
  Mailbox mailbox;
  TestServer server([&](std::shared_ptr<HttpExchange> exchange) { mailbox.put(exchange); });
  RawClient client(server.port());
  client.send(kGet);
  std::shared_ptr<HttpExchange> exchange = mailbox.take();
  on_loop(exchange, [&] { exchange->start_stream(200, {}); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([exchange] {
      for (int i = 0; i < 500; ++i) exchange->post([exchange] { exchange->write("x"); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  exchange->post([exchange] { exchange->finish_stream(); });
  exchange.reset();
  EXPECT_EQ(client.read_answer().body.size(), 2000);
}

}  // namespace
}  // namespace penstock::net
