// What clients may send and what they get: one connection at a time.
#include "net/http_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <random>

#include "net/http_client.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(HttpServer, keeps_a_connection_for_the_next_request) {
  TestServer server;
  RawClient client(server.port());
  for (int i = 0; i < 5; ++i) {
    const RawAnswer answer = client.ask(kGet);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "GET /a? ");
    EXPECT_EQ(answer.header("connection"), "");
  }
  EXPECT_EQ(server.server().num_connections(), 1);
}

TEST(HttpServer, closes_when_the_client_asks) {
  TestServer server;
  RawClient client(server.port());
  const RawAnswer answer = client.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(client.is_closed_by_server());
  EXPECT_FALSE(client.was_reset());
}

TEST(HttpServer, closes_when_the_handler_asks) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->respond({.status = 503, .body = "draining", .close = true});
  });
  RawClient client(server.port());
  const RawAnswer answer = client.ask(kGet);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HttpServer, answers_http_1_0_and_closes) {
  TestServer server;
  RawClient client(server.port());
  const RawAnswer answer = client.ask("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(HttpServer, streams_in_chunks_to_1_1_and_until_close_to_1_0) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->start_stream(200, {{"content-type", "text/event-stream"}});
    exchange->write("one");
    exchange->write("");  // not the end of the stream
    exchange->write(std::string(5000, 'x'));
    exchange->finish_stream();
  });
  RawClient modern(server.port());
  for (int i = 0; i < 2; ++i) {
    const RawAnswer answer = modern.ask(kGet);
    EXPECT_EQ(answer.header("transfer-encoding"), "chunked");
    EXPECT_EQ(answer.header("content-length"), "");
    EXPECT_EQ(answer.body, "one" + std::string(5000, 'x'));
  }
  RawClient old(server.port());
  const RawAnswer answer = old.ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(answer.header("transfer-encoding"), "");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_EQ(answer.body, "one" + std::string(5000, 'x'));
}

TEST(HttpServer, answers_head_with_the_headers_of_get) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    if (exchange->request().path == "/stream") {
      exchange->start_stream(200, {});
      exchange->write("body");
      exchange->finish_stream();
    } else {
      exchange->respond(text_response("12345"));
    }
  });
  RawClient client(server.port());
  client.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  const RawAnswer plain = client.read_answer(true);
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.header("content-length"), "5");
  client.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read_answer(true).header("transfer-encoding"), "chunked");
  // Had a body been sent, it would be read as the start of this answer.
  EXPECT_EQ(client.ask(kGet).body, "12345");
}

TEST(HttpServer, sends_no_body_with_204_and_304) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    const int status = exchange->request().path == "/204" ? 204 : 304;
    exchange->respond({.status = status, .body = "must not be sent"});
  });
  RawClient client(server.port());
  for (const char* path : {"/204", "/304", "/204"}) {
    const RawAnswer answer = client.ask(format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
    EXPECT_EQ(answer.status, path[1] == '2' ? 204 : 304);
    EXPECT_EQ(answer.header("content-length"), "");
  }
}

TEST(HttpServer, takes_chunked_bodies) {
  TestServer server;
  RawClient client(server.port());
  const std::string request =
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: v\r\n\r\n";
  EXPECT_EQ(client.ask(request).body, "POST /p? abcdefg");
  EXPECT_EQ(client.ask(request).body, "POST /p? abcdefg");
}

TEST(HttpServer, gives_the_same_answer_for_every_split_of_the_bytes) {
  TestServer server;
  RawClient client(server.port());
  const std::string request =
      "POST /p?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  std::mt19937 random(5);
  for (int round = 0; round < 60; ++round) {
    for (std::size_t at = 0; at < request.size();) {
      const std::size_t n = 1 + random() % 20;
      client.send(std::string_view(request).substr(at, n));
      at += n;
    }
    ASSERT_EQ(client.read_answer().body, "POST /p?q hello") << round;
  }
}

TEST(HttpServer, answers_pipelined_requests_in_order) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    // Later requests are quicker to answer.
    const int number = std::stoi(exchange->request().path.substr(1));
    exchange->set_timer(milliseconds(number % 5 == 0 ? 10 : 0),
                        [exchange] { exchange->respond(text_response(exchange->request().path)); });
  });
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += format("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", i);
  client.send(requests);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.read_answer().body, format("/{}", i));
}

TEST(HttpServer, answers_thousands_of_pipelined_requests_without_recursion) {
  TestServer server;
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 5000; ++i) requests += kGet;
  std::thread sender([&] { client.send(requests); });
  RawClient* const reader = &client;
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(reader->read_answer().status, 200) << i;
  sender.join();
}

TEST(HttpServer, does_not_read_ahead_of_a_client_that_does_not_read) {
  std::atomic<int> num_handled = 0;
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    ++num_handled;
    exchange->respond(text_response(std::string(1 << 20, 'x')));
  });
  RawClient client(server.port(), milliseconds(300));
  std::string requests;
  while (requests.size() < 64 << 20) requests += kGet;
  EXPECT_FALSE(client.send(requests));  // the server has stopped reading
  const int handled = num_handled;
  // What fits into socket buffers, not millions.
  EXPECT_LT(handled, 50);
  EXPECT_EQ(client.read_answer().body.size(), 1 << 20);
}

TEST(HttpServer, asks_for_the_body_when_the_client_expects_it) {
  TestServer server;
  RawClient client(server.port());
  for (int i = 0; i < 2; ++i) {
    const RawAnswer interim = client.ask(
        "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(interim.status, 100);
    EXPECT_EQ(client.ask("hi").body, "POST /p? hi");
  }
}

TEST(HttpServer, refuses_by_headers_before_the_body_is_sent) {
  HttpServerOptions options;
  options.check_headers = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.find_header("x-api-key") != nullptr) return std::nullopt;
    return HttpResponse{.status = 401, .body = "who are you"};
  };
  std::atomic<int> num_handled = 0;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        ++num_handled;
        echo(exchange);
      },
      std::move(options));
  RawClient client(server.port());
  const RawAnswer answer = client.ask(
      "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(answer.status, 401);
  EXPECT_TRUE(client.is_closed_by_server());
  RawClient without_body(server.port());
  EXPECT_EQ(without_body.ask(kGet).status, 401);
  EXPECT_EQ(without_body.ask("GET /a HTTP/1.1\r\nHost: h\r\nX-Api-Key: k\r\n\r\n").status, 200);
  EXPECT_EQ(num_handled, 1);
}

TEST(HttpServer, refuses_in_the_servers_own_words_and_closes) {
  HttpServerOptions options;
  options.header_limit_bytes = 1000;
  options.body_limit_bytes = 100;
  TestServer server(echo, std::move(options));
  const std::string line = "POST /p HTTP/1.1\r\nHost: h\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {"nonsense\r\n\r\n", 400},
      {line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {line + "Content-Length: 101\r\n\r\n", 413},
      {line + "Transfer-Encoding: chunked\r\n\r\n65\r\n", 413},
      {line + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", 415},
      {line + "X: " + std::string(1000, 'x'), 431},
      {line + "Expect: wonders\r\n\r\n", 417},
      {line + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"GET / HTTP/3.0\r\n\r\n", 505},
  };
  for (const auto& [bytes, status] : cases) {
    RawClient client(server.port());
    const RawAnswer answer = client.ask(bytes);
    EXPECT_EQ(answer.status, status) << bytes;
    EXPECT_EQ(answer.header("connection"), "close") << bytes;
    EXPECT_FALSE(answer.body.empty()) << bytes;
    EXPECT_TRUE(client.is_closed_by_server()) << bytes;
  }
}

TEST(HttpServer, a_refusal_arrives_while_the_client_is_still_sending) {
  HttpServerOptions options;
  options.body_limit_bytes = 1000;
  TestServer server(echo, std::move(options));
  for (int round = 0; round < 10; ++round) {
    HttpClient client("127.0.0.1", server.port());
    const auto answer = client.send(
        {.method = "POST", .target = "/p", .body = std::string(4 << 20, 'x')}, kPatience);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->status, 413);
  }
}

TEST(HttpServer, carries_large_bodies_both_ways) {
  TestServer server;
  std::mt19937 random(1);
  std::string body(20 << 20, '\0');
  for (char& c : body) c = static_cast<char>(random());
  HttpClient client("127.0.0.1", server.port());
  const auto answer = client.send({.method = "POST", .target = "/p", .body = body}, kPatience);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_TRUE(answer->body == "POST /p? " + body);
}

TEST(HttpServer, answers_a_client_that_has_closed_its_sending_side) {
  TestServer server([](const std::shared_ptr<HttpExchange>& exchange) {
    exchange->set_timer(milliseconds(30), [exchange] { exchange->respond(text_response("late")); });
  });
  RawClient client(server.port());
  client.send(kGet);
  client.stream().shutdown_write();
  EXPECT_EQ(client.read_answer().status, 100);  // is anybody there?
  EXPECT_EQ(client.read_answer().body, "late");
  EXPECT_TRUE(client.is_closed_by_server());
  EXPECT_FALSE(client.was_reset());
}

TEST(HttpServer, tells_a_client_that_ended_within_its_request) {
  TestServer server;
  RawClient client(server.port());
  client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  client.stream().shutdown_write();
  EXPECT_EQ(client.read_answer().status, 400);
}

TEST(HttpServer, closes_silently_when_a_client_leaves_between_requests) {
  TestServer server;
  RawClient client(server.port());
  EXPECT_EQ(client.ask(kGet).status, 200);
  client.stream().shutdown_write();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(server.becomes_idle());
}

TEST(HttpServer, stamps_the_arrival_of_the_first_byte) {
  std::atomic<std::int64_t> received_ns = 0;
  TestServer server([&](const std::shared_ptr<HttpExchange>& exchange) {
    received_ns = exchange->request().received_at.ns;
    echo(exchange);
  });
  RawClient client(server.port());
  client.send("GET /");
  std::this_thread::sleep_for(milliseconds(30));  // the time that must be seen, not waited for
  const MonotonicTime before_rest = SystemClock().now();
  client.ask("a HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_LT(received_ns.load(), before_rest.ns);
}

TEST(HttpServer, sends_small_writes_without_delay_and_hides_little_in_the_kernel) {
  TestServer server;
  RawClient client(server.port());
  ASSERT_EQ(client.ask(kGet).status, 200);
  int num_found = 0;
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_in local{};
    sockaddr_in peer{};
    socklen_t size = sizeof local;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &size) != 0) continue;
    size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (local.sin_family != AF_INET || ntohs(local.sin_port) != server.port()) continue;
    int no_delay = 0;
    int keep_alive = 0;
    size = sizeof no_delay;
    ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
    ::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep_alive, &size);
    int max_unsent = 0;
    ::getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &max_unsent, &size);
    EXPECT_GT(max_unsent, 0);
    EXPECT_LE(max_unsent, 256 << 10);
    EXPECT_NE(no_delay, 0);
    EXPECT_NE(keep_alive, 0);
    ++num_found;
  }
  EXPECT_EQ(num_found, 1);
}

TEST(HttpServer, says_which_address_it_cannot_listen_on) {
  TestServer server;
  SystemClock clock;
  Ledger ledger(clock);
  HttpServerOptions options;
  options.port = server.port();
  const auto second = HttpServer::listen(server.pool(), ledger, options, echo, {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find(std::to_string(server.port())), std::string::npos);
  options.host = "not an address";
  EXPECT_FALSE(HttpServer::listen(server.pool(), ledger, options, echo, {}));
}

TEST(HttpServer, listens_on_ipv6_where_there_is_any) {
  IoPool pool(1);
  SystemClock clock;
  Ledger ledger(clock);
  HttpServerOptions options;
  options.host = "::1";
  auto server = HttpServer::listen(pool, ledger, options, echo, {});
  if (!server) GTEST_SKIP() << "no IPv6 loopback here: " << server.error().message();
  HttpClient client("::1", (*server)->port());
  const auto answer = client.send({.target = "/six"}, kPatience);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->body, "GET /six? ");
  server->reset();
  EXPECT_TRUE(ledger.is_empty());
}

}  // namespace
}  // namespace penstock::net
