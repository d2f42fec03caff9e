// A TLS session's records and its end come and go like a plain connection's bytes.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/net/tls_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

TEST_F(HttpTls, a_handshake_that_fails_or_drips_closes_only_itself) {
  HttpServerOptions with_timeout = options();
  with_timeout.header_timeout = milliseconds(300);
  with_timeout.linger_timeout = milliseconds(100);
  TestServer server(echo, std::move(with_timeout));
  TlsClient served(server.port(), {.ca = &ca_});
  ASSERT_TRUE(served.shake_hands());

  RawClient silent(server.port());
  RawClient plain(server.port());
  plain.send(kTlsGet);
  EXPECT_EQ(plain.read_to_end().find("HTTP"), std::string::npos);
  RawClient garbage(server.port());
  garbage.send(std::string(5000, '\x16'));
  EXPECT_TRUE(garbage.is_closed_by_server());

  TlsClient dripping(server.port(), {.ca = &ca_});
  const std::string hello = dripping.make_hello();
  const MonotonicTime start = SystemClock().now();
  std::size_t num_dripped = 0;
  while (num_dripped < hello.size() - 1 &&
         dripping.send_raw(std::string_view(hello).substr(num_dripped, 1))) {
    ++num_dripped;
    EXPECT_EQ(served.ask(kTlsGet).status, 200);
    std::this_thread::sleep_for(milliseconds(4));  // the drip itself
  }
  EXPECT_TRUE(dripping.is_closed_by_server());
  EXPECT_GE(SystemClock().now() - start, milliseconds(290));
  EXPECT_TRUE(silent.is_closed_by_server());
  EXPECT_EQ(served.ask(kTlsGet).status, 200);
  EXPECT_EQ(server.server().num_connections(), 1);
}

TEST_F(HttpTls, gives_the_same_answer_for_every_split_of_the_records) {
  TestServer server(echo, options());
  const std::string request =
      "POST /p?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  TlsClient client(server.port(), {.ca = &ca_});
  const std::string hello = client.make_hello();
  for (const char byte : hello) client.send_raw({&byte, 1});
  ASSERT_TRUE(client.shake_hands());
  for (const char byte : client.encrypt(request)) client.send_raw({&byte, 1});
  EXPECT_EQ(client.read_answer().body, "POST /p?q hello");
  std::mt19937 random(5);
  for (int round = 0; round < 30; ++round) {
    std::string records;
    for (std::size_t at = 0; at < request.size();) {
      const std::size_t n = 1 + random() % 20;
      records += client.encrypt(std::string_view(request).substr(at, n));
      at += n;
    }
    for (std::size_t at = 0; at < records.size();) {
      const std::size_t n = 1 + random() % 700;
      client.send_raw(std::string_view(records).substr(at, n));
      at += n;
    }
    ASSERT_EQ(client.read_answer().body, "POST /p?q hello") << round;
  }
}

// What arrives with one read stays inside the session, where no socket tells of it.
TEST_F(HttpTls, answers_pipelined_requests_that_came_at_once) {
  TestServer server(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->set_timer(milliseconds(1), [exchange] { echo(exchange); });
      },
      options());
  TlsClient client(server.port(), {.ca = &ca_});
  ASSERT_TRUE(client.shake_hands());
  std::string records;
  for (int i = 0; i < 100; ++i) {
    records += client.encrypt(format("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", i));
  }
  client.send_raw(records);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.read_answer().body, format("GET /{}? ", i));
}

TEST_F(HttpTls, the_first_request_may_come_with_the_handshakes_last_flight) {
  TestServer server(echo, options());
  for (int i = 0; i < 5; ++i) {
    TlsClient client(server.port(), {.ca = &ca_, .version = TLS1_3_VERSION});
    ASSERT_TRUE(client.shake_hands(kTlsGet));
    EXPECT_EQ(client.read_answer().status, 200);
  }
}

TEST_F(HttpTls, carries_large_bodies_both_ways) {
  std::mt19937 random(1);
  std::string body(3 << 20, '\0');
  for (char& c : body) c = static_cast<char>(random());
  TestServer server(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        if (exchange->request().path == "/whole") return echo(exchange);
        exchange->start_stream(200, {});
        const std::string& bytes = exchange->request().body;
        std::mt19937 sizes(2);
        for (std::size_t at = 0; at < bytes.size();) {
          const std::size_t n = 1 + sizes() % 30'000;
          exchange->write(bytes.substr(at, n));
          at += n;
        }
        exchange->finish_stream();
      },
      options());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(server.port(), {.ca = &ca_, .version = version});
    ASSERT_TRUE(client.shake_hands());
    const auto request = [&](std::string_view path) {
      return format("POST {} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", path,
                    body.size()) +
             body;
    };
    EXPECT_TRUE(client.ask(request("/whole")).body == "POST /whole? " + body);
    EXPECT_TRUE(client.ask(request("/stream")).body == body);
  }
}

TEST_F(HttpTls, a_refusal_arrives_while_the_client_is_still_sending) {
  HttpServerOptions with_limit = options();
  with_limit.body_limit_bytes = 1000;
  TestServer server(echo, std::move(with_limit));
  for (int round = 0; round < 5; ++round) {
    TlsClient client(server.port(), {.ca = &ca_});
    ASSERT_TRUE(client.shake_hands());
    client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n");
    client.send(std::string(1 << 20, 'x'));
    EXPECT_EQ(client.read_answer().status, 413);
    EXPECT_TRUE(client.is_closed_by_server());
    EXPECT_TRUE(client.got_close());
  }
}

TEST_F(HttpTls, ends_a_session_in_good_order) {
  HttpServerOptions with_timeout = options();
  with_timeout.idle_timeout = milliseconds(60);
  TestServer server(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->start_stream(200, {});
        exchange->write(std::string(300'000, 'x'));
        exchange->finish_stream();
      },
      std::move(with_timeout));
  // Only the alert tells that a body which ends with the connection is whole.
  TlsClient old(server.port(), {.ca = &ca_});
  ASSERT_TRUE(old.shake_hands());
  EXPECT_EQ(old.ask("GET / HTTP/1.0\r\n\r\n").body.size(), 300'000);
  EXPECT_TRUE(old.got_close());
  TlsClient idle(server.port(), {.ca = &ca_});
  ASSERT_TRUE(idle.shake_hands());
  EXPECT_TRUE(idle.is_closed_by_server());
  EXPECT_TRUE(idle.got_close());
  EXPECT_FALSE(idle.was_reset());
}

// Unlike a half-closed connection: nobody is left to read the answer.
TEST_F(HttpTls, a_session_that_ends_cancels_its_request) {
  std::atomic<int> num_started = 0;
  std::atomic<int> num_cancelled = 0;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->on_disconnect([&] { ++num_cancelled; });
        if (exchange->request().path == "/stream") {
          exchange->start_stream(200, {});
          exchange->write("some");
        }
        // Held until the test is over, as by an engine that goes on.
        exchange->set_timer(std::chrono::hours(1), [exchange] {});
        ++num_started;
      },
      options());
  int expected = 0;
  for (const char* path : {"/stream", "/wait"}) {
    for (const int how : {0, 1, 2}) {
      TlsClient client(server.port(), {.ca = &ca_});
      ASSERT_TRUE(client.shake_hands());
      client.send(format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
      ++expected;
      ASSERT_TRUE(eventually([&] { return num_started == expected; }));
      if (how == 0) client.close_session();
      if (how == 1) client.stream().shutdown_write();
      if (how == 2) client.stream().reset();
      EXPECT_TRUE(eventually([&] { return num_cancelled == expected; })) << path << " " << how;
      EXPECT_TRUE(server.becomes_idle());
    }
  }
}

TEST_F(HttpTls, a_session_that_ends_within_or_between_requests_is_closed) {
  TestServer server(echo, options());
  for (const char* start :
       {"", "GET / HT", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab"}) {
    TlsClient client(server.port(), {.ca = &ca_});
    ASSERT_TRUE(client.shake_hands());
    client.send(start);
    client.close_session();
    EXPECT_EQ(client.read_to_end(), "") << start;
    EXPECT_TRUE(server.becomes_idle());
  }
}

TEST_F(HttpTls, a_client_that_does_not_read_is_reset_and_its_bytes_are_counted) {
  HttpServerOptions with_timeout = options();
  with_timeout.write_timeout = milliseconds(150);
  std::atomic<bool> is_cancelled = false;
  std::atomic<std::size_t> unsent = 0;
  constexpr std::size_t kBytes = 64UL << 20;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->on_disconnect([&] { is_cancelled = true; });
        exchange->start_stream(200, {});
        exchange->write(std::string(kBytes, 'x'));
        EXPECT_GE(exchange->unsent_bytes(), kBytes);
        exchange->set_timer(milliseconds(100), [&, exchange] {
          unsent = exchange->unsent_bytes();
          exchange->set_timer(std::chrono::hours(1), [exchange] {});
        });
      },
      std::move(with_timeout));
  TlsClient client(server.port(), {.ca = &ca_});
  ASSERT_TRUE(client.shake_hands());
  const int bytes = 4096;
  ::setsockopt(client.stream().fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  client.send(kTlsGet);
  EXPECT_TRUE(eventually([&] { return is_cancelled.load(); }));
  EXPECT_GT(unsent, kBytes / 2);  // what the socket's buffers do not hold
  EXPECT_LT(unsent, kBytes);
  EXPECT_TRUE(server.becomes_idle());
}

TEST_F(HttpTls, a_slow_reader_gets_every_byte) {
  constexpr std::size_t kBytes = 16UL << 20;
  TestServer server(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        // Pieces of every size, some added while earlier ones are stuck.
        exchange->start_stream(200, {});
        exchange->write(std::string(kBytes - 50'000, 'x'));
        exchange->set_timer(milliseconds(20), [exchange] {
          for (int i = 0; i < 500; ++i) exchange->write(std::string(100, 'y'));
          exchange->finish_stream();
        });
      },
      options());
  TlsClient client(server.port(), {.ca = &ca_});
  ASSERT_TRUE(client.shake_hands());
  client.send(kTlsGet);
  std::this_thread::sleep_for(milliseconds(60));  // the slowness itself
  const RawAnswer answer = client.read_answer();
  EXPECT_TRUE(answer.body == std::string(kBytes - 50'000, 'x') + std::string(50'000, 'y'));
}

TEST_F(HttpTls, survives_new_keys_and_refuses_a_second_handshake) {
  TestServer server(echo, options());
  TlsClient modern(server.port(), {.ca = &ca_, .version = TLS1_3_VERSION});
  ASSERT_TRUE(modern.shake_hands());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(modern.update_keys(1, true));
    EXPECT_EQ(modern.ask(kTlsGet).status, 200);
  }
  TlsClient old(server.port(), {.ca = &ca_, .version = TLS1_2_VERSION}, milliseconds(500));
  ASSERT_TRUE(old.shake_hands());
  EXPECT_EQ(old.ask(kTlsGet).status, 200);
  EXPECT_FALSE(old.renegotiate());
}

// They carry no byte for HTTP, and must not keep the loop from anybody.
TEST_F(HttpTls, a_flood_of_new_keys_delays_nobody) {
  TestServer server(echo, options(), 1);
  TlsClient served(server.port(), {.ca = &ca_});
  ASSERT_TRUE(served.shake_hands());
  std::atomic<bool> stop = false;
  std::thread flooding([&] {
    TlsClient client(server.port(), {.ca = &ca_, .version = TLS1_3_VERSION});
    ASSERT_TRUE(client.shake_hands());
    while (!stop) ASSERT_TRUE(client.update_keys(1000, false));
    EXPECT_EQ(client.ask(kTlsGet).status, 200);
  });
  for (int i = 0; i < 50; ++i) EXPECT_EQ(served.ask(kTlsGet).status, 200);
  stop = true;
  flooding.join();
}

TEST_F(HttpTls, damaged_records_hurt_nobody) {
  TestServer server(echo, options());
  std::mt19937 random(7);
  const auto damage = [&](std::string& bytes) {
    for (std::size_t n = 1 + random() % 4; n > 0 && !bytes.empty(); --n) {
      const std::size_t at = random() % bytes.size();
      if (random() % 4 == 0) bytes.resize(at);
      if (at < bytes.size()) bytes[at] = static_cast<char>(random());
    }
  };
  for (int round = 0; round < 300; ++round) {
    TlsClient client(server.port(), {.ca = &ca_});
    std::string records;
    if (round % 2 == 0) {
      records = client.make_hello();
    } else {
      ASSERT_TRUE(client.shake_hands());
      for (int i = 0; i < 3; ++i) records += client.encrypt(kTlsGet);
    }
    damage(records);
    client.send_raw(records);
    if (round % 5 == 0) {
      client.stream().reset();
    } else {
      client.stream().shutdown_write();
      ASSERT_TRUE(client.is_closed_by_server()) << round;
    }
    if (round % 50 == 0) {
      EXPECT_TRUE(is_served(server, {}));
    }
  }
  EXPECT_TRUE(server.becomes_idle());
}

TEST_F(HttpTls, stops_with_sessions_in_every_state) {
  std::atomic<int> num_streaming = 0;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        exchange->start_stream(200, {});
        exchange->write("some");
        exchange->set_timer(std::chrono::hours(1), [exchange] {});
        ++num_streaming;
      },
      options());
  RawClient silent(server.port());
  TlsClient half(server.port(), {.ca = &ca_});
  half.send_raw(half.make_hello());
  TlsClient idle(server.port(), {.ca = &ca_});
  ASSERT_TRUE(idle.shake_hands());
  TlsClient streaming(server.port(), {.ca = &ca_});
  ASSERT_TRUE(streaming.shake_hands());
  streaming.send(kTlsGet);
  ASSERT_TRUE(eventually([&] { return num_streaming == 1; }));
  server.server().stop_accepting();
  EXPECT_TRUE(eventually([&] { return server.server().num_connections() == 1; }));
  server.server().close_all(kPatience);
  for (RawClient* client : {&silent, static_cast<RawClient*>(&half)}) {
    EXPECT_TRUE(client->is_closed_by_server());
  }
}

}  // namespace
}  // namespace penstock::net
