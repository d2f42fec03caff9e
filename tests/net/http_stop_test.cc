// Limits of the process and the ways to stop: nothing hangs, nothing is left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <latch>
#include <vector>

#include "net/http_client.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(HttpStop, accepting_pauses_at_max_connections_and_resumes) {
  HttpServerOptions options;
  options.max_connections = 3;
  TestServer server(echo, std::move(options));
  for (int round = 0; round < 3; ++round) {
    std::vector<RawClient> clients;
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back(server.port());
      ASSERT_EQ(clients.back().ask(kGet).status, 200);
    }
    RawClient waiting(server.port(), milliseconds(30));
    EXPECT_EQ(waiting.ask(kGet).status, 0);
    EXPECT_EQ(server.server().num_connections(), 3);
    clients.pop_back();
    EXPECT_TRUE(eventually([&] { return waiting.read_answer().status == 200; }));
    clients.clear();
    waiting.stream().close();
    EXPECT_TRUE(server.becomes_idle());
  }
}

int lowest_free_fd() {
  int fd = 0;
  while (::fcntl(fd, F_GETFD) >= 0) ++fd;
  return fd;
}

TEST(HttpStop, running_out_of_file_descriptors_is_survived_without_spinning) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan's check of virtual tables opens a pipe and misreports when it cannot";
#endif
  TestServer server;
  RawClient before(server.port());
  ASSERT_EQ(before.ask(kGet).status, 200);
  rlimit original{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &original), 0);
  // Room for the client's socket and none for the server's.
  rlimit tight = original;
  tight.rlim_cur = static_cast<rlim_t>(lowest_free_fd() + 1);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  RawClient starved(server.port(), milliseconds(200));
  ASSERT_TRUE(starved.is_connected());
  rusage start{};
  ::getrusage(RUSAGE_SELF, &start);
  EXPECT_EQ(starved.ask(kGet).status, 0);  // 200 ms of waiting in vain
  rusage end{};
  ::getrusage(RUSAGE_SELF, &end);
  EXPECT_EQ(before.ask(kGet).status, 200);  // the others are served
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &original), 0);
  EXPECT_TRUE(eventually([&] { return starved.read_answer().status == 200; }));
  const auto cpu_us = [](const rusage& u) {
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1'000'000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
  };
  EXPECT_LT(cpu_us(end) - cpu_us(start), 100'000);  // a spinning loop would burn all 200 ms
}

TEST(HttpStop, stop_accepting_closes_idle_connections_and_lets_answers_finish) {
  std::atomic<bool> finish = false;
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    if (exchange->request().path == "/a") return echo(exchange);
    exchange->start_stream(200, {});
    exchange->write("first,");
    struct Poller {
      static void poll(const std::shared_ptr<HttpExchange>& e, const std::atomic<bool>& done) {
        if (!done) return e->set_timer(milliseconds(2), [e, &done] { poll(e, done); });
        e->write("last");
        e->finish_stream();
      }
    };
    Poller::poll(exchange, finish);
  });
  RawClient idle(server.port());
  EXPECT_EQ(idle.ask(kGet).status, 200);
  RawClient streaming(server.port());
  streaming.send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(streaming.read_more());
  RawClient sending(server.port());
  sending.send("GET /a HTTP/1.1\r\n");
  // The half-sent request has been seen once a later one on the same loops has been answered.
  EXPECT_TRUE(eventually([&] { return server.server().num_connections() == 3; }));
  for (int i = 0; i < 2; ++i) {
    RawClient probe(server.port());
    EXPECT_EQ(probe.ask("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").status, 200);
  }

  server.server().stop_accepting();
  EXPECT_FALSE(RawClient(server.port()).is_connected());
  EXPECT_TRUE(idle.is_closed_by_server());
  const RawAnswer answer = sending.ask("Host: h\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(sending.is_closed_by_server());
  finish = true;
  EXPECT_EQ(streaming.read_answer().body, "first,last");
  EXPECT_TRUE(streaming.is_closed_by_server());
  EXPECT_TRUE(server.becomes_idle());
}

TEST(HttpStop, close_all_ends_every_state_at_once) {
  std::vector<std::shared_ptr<HttpExchange>> kept;
  std::mutex mutex;
  std::atomic<int> num_told = 0;
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    const std::string path = exchange->request().path;
    exchange->on_disconnect([&] { ++num_told; });
    if (path == "/a") return echo(exchange);
    if (path != "/wait") exchange->start_stream(200, {});
    if (path == "/full") exchange->write(std::string(64 << 20, 'x'));
    const std::lock_guard lock(mutex);
    kept.push_back(exchange);
  });
  std::vector<RawClient> clients;
  for (const char* bytes :
       {"", "GET /a HT", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
        "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n", "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /full HTTP/1.1\r\nHost: h\r\n\r\n", "broken\r\n\r\n"}) {
    for (int i = 0; i < 3; ++i) {
      clients.emplace_back(server.port());
      clients.back().send(bytes);
    }
  }
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return kept.size() == 9;
  }));
  server.server().close_all(kPatience);
  EXPECT_EQ(server.server().num_connections(), 0);
  EXPECT_TRUE(server.ledger().is_empty());
  EXPECT_EQ(num_told, 9);
  for (RawClient& client : clients) EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HttpStop, stopping_under_load_is_quick_and_leaves_nothing) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<bool> stop = false;
    std::atomic<int> num_answered = 0;
    std::vector<std::thread> load;
    {
      TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
        if (exchange->request().path == "/a") return echo(exchange);
        exchange->set_timer(milliseconds(1), [exchange] {
          exchange->start_stream(200, {});
          for (int i = 0; i < 50; ++i) exchange->write(std::string(1000, 'x'));
          exchange->finish_stream();
        });
      });
      for (int t = 0; t < 4; ++t) {
        load.emplace_back([&, port = server.port(), t] {
          HttpClient client("127.0.0.1", port);
          while (!stop) {
            const auto answer =
                client.send({.target = t % 2 == 0 ? "/a" : "/stream"}, std::chrono::seconds(10));
            if (answer) ++num_answered;
          }
        });
      }
      EXPECT_TRUE(eventually([&] { return num_answered > 50; }));
      if (round % 2 == 0) server.server().stop_accepting();
    }  // TestServer checks that nothing is left
    stop = true;
    for (std::thread& thread : load) thread.join();
  }
}

TEST(HttpStop, connections_that_come_and_go_at_random_leave_nothing) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->start_stream(200, {});
    exchange->write(std::string(100'000, 'x'));
    exchange->set_timer(milliseconds(1), [exchange] { exchange->finish_stream(); });
  });
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([port = server.port(), t] {
      unsigned state = t + 1;
      const auto random = [&state] { return state = state * 1664525 + 1013904223; };
      for (int i = 0; i < 150; ++i) {
        RawClient client(port);
        const std::size_t num_sent = (random() >> 8) % (kGet.size() + 8);
        client.send(kGet.substr(0, num_sent));
        if ((random() >> 16) % 2 == 0 && num_sent >= kGet.size()) client.read_more();
        if ((random() >> 16) % 2 == 0) {
          client.stream().reset();
        } else {
          client.stream().close();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // A client that left with a FIN only is found out by our writes: all of them here.
  EXPECT_TRUE(server.becomes_idle());
}

TEST(IoPool, runs_posted_tasks_in_order_and_all_before_it_stops) {
  std::vector<int> order;
  {
    IoPool pool(3);
    for (int i = 0; i < 10'000; ++i) pool.post(1, [&order, i] { order.push_back(i); });
    pool.stop(kPatience);
  }
  ASSERT_EQ(order.size(), 10'000);
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(IoPool, drops_what_is_posted_after_it_stopped) {
  IoPool pool(1);
  pool.stop(kPatience);
  const auto witness = std::make_shared<int>(0);
  pool.post(0, [witness] { FAIL(); });
  EXPECT_EQ(witness.use_count(), 1);
  pool.stop(kPatience);
}

TEST(IoPool, a_task_may_post_to_every_loop) {
  IoPool pool(2);
  std::latch done(4);
  for (std::size_t from = 0; from < 2; ++from) {
    pool.post(from, [&] {
      for (std::size_t to = 0; to < 2; ++to) pool.post(to, [&] { done.count_down(); });
    });
  }
  done.wait();
}

TEST(IoPool, tells_how_late_its_loops_are) {
  std::atomic<int> num_told = 0;
  IoPool pool(2, [&](std::size_t, Duration delay) {
    EXPECT_GE(delay, Duration::zero());
    ++num_told;
  });
  EXPECT_TRUE(eventually([&] { return num_told >= 2; }));
}

TEST(IoPool, ticks_while_it_is_healthy) {
  IoPool pool(2);
  EXPECT_TRUE(eventually([&] {
    return pool.last_tick(0).ns > 0 && SystemClock().now() - pool.last_tick(1) < milliseconds(500);
  }));
}

}  // namespace
}  // namespace penstock::net
