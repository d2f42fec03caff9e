// The limits of the HTTP API that are the server's to hold, at the bound and one step beyond it.
// Their times are http_timeout_test.cc's, the number of connections is http_stop_test.cc's.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::seconds;

HttpServerOptions small_limits() {
  HttpServerOptions options;
  options.header_limit_bytes = 2000;
  options.body_limit_bytes = 1000;
  return options;
}

// `bytes` as chunks of 300.
std::string in_chunks(std::string_view bytes) {
  std::string made;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 300))) {
    const std::string_view chunk = bytes.substr(0, 300);
    made += format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  }
  return made + "0\r\n\r\n";
}

TEST(HttpLimits, are_by_default_those_of_the_api) {
  const HttpServerOptions options;
  EXPECT_EQ(options.body_limit_bytes, 64UL << 20);
  EXPECT_EQ(options.header_limit_bytes, 64UL << 10);
  EXPECT_EQ(options.header_timeout, seconds(10));
  EXPECT_EQ(options.body_timeout, seconds(60));
  EXPECT_EQ(options.idle_timeout, seconds(75));
  EXPECT_EQ(options.write_timeout, seconds(60));
  EXPECT_EQ(options.max_connections, 65'536);
}

TEST(HttpLimits, a_body_may_be_as_long_as_the_limit_and_not_a_byte_longer) {
  TestServer server(echo, small_limits());
  for (const std::size_t size : {999UL, 1000UL, 1001UL}) {
    const int expected = size <= 1000 ? 200 : 413;
    const std::string body(size, 'x');
    RawClient by_length(server.port());
    EXPECT_EQ(
        by_length
            .ask(format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", size) + body)
            .status,
        expected)
        << size;
    RawClient by_chunks(server.port());
    EXPECT_EQ(by_chunks
                  .ask("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                       in_chunks(body))
                  .status,
              expected)
        << size;
  }
}

TEST(HttpLimits, a_body_that_is_too_large_is_refused_before_it_has_come) {
  TestServer server(echo, small_limits());
  RawClient announced(server.port());
  EXPECT_EQ(announced
                .ask("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n"
                     "Expect: 100-continue\r\n\r\n")
                .status,
            413);
  RawClient counted(server.port());
  const std::string request = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              in_chunks(std::string(1200, 'x'));
  // As far as the head of the chunk that passes the limit.
  EXPECT_EQ(counted.ask(request.substr(0, request.rfind("12c\r\n") + 5)).status, 413);
}

TEST(HttpLimits, the_head_may_be_as_long_as_the_limit_and_not_a_byte_longer) {
  TestServer server(echo, small_limits());
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  for (const std::size_t size : {1999UL, 2000UL, 2001UL}) {
    RawClient client(server.port());
    const std::string filler(size - start.size() - 4, 'x');
    EXPECT_EQ(client.ask(start + filler + "\r\n\r\n").status, size <= 2000 ? 200 : 431) << size;
  }
  // Its end need not have come.
  RawClient endless(server.port());
  EXPECT_EQ(endless.ask("GET /" + std::string(2000, 'x')).status, 431);
}

TEST(HttpLimits, a_request_has_at_most_256_headers) {
  TestServer server;
  for (const int count : {255, 256, 257, 5000}) {
    std::string request = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (int i = 1; i < count; ++i) request += "a:\r\n";
    RawClient client(server.port());
    const RawAnswer answer = client.ask(request + "\r\n");
    EXPECT_EQ(answer.status, count <= 256 ? 200 : 431) << count;
    if (count > 256) {
      EXPECT_NE(answer.body.find("256"), std::string::npos);
    }
  }
}

TEST(HttpLimits, the_client_is_told_to_send_only_when_headers_and_key_are_good) {
  HttpServerOptions options = small_limits();
  options.check_headers = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.find_header("authorization") != nullptr) return std::nullopt;
    return HttpResponse{.status = 401};
  };
  TestServer server(echo, std::move(options));
  const auto first_answer = [&](std::string_view headers) {
    RawClient client(server.port());
    return client
        .ask(format("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n{}\r\n", headers))
        .status;
  };
  EXPECT_EQ(first_answer("Content-Length: 2\r\nAuthorization: k\r\n"), 100);
  EXPECT_EQ(first_answer("Content-Length: 2\r\n"), 401);
  EXPECT_EQ(first_answer("Content-Length: 1001\r\nAuthorization: k\r\n"), 413);
  EXPECT_EQ(first_answer("Content-Length: 2\r\nAuthorization: k\r\nContent-Encoding: br\r\n"), 415);
  EXPECT_EQ(first_answer("Content-Length: x\r\nAuthorization: k\r\n"), 400);
  EXPECT_EQ(first_answer("Authorization: k\r\n"), 200);  // nothing to wait for
}

TEST(HttpLimits, http_1_0_gets_one_answer_and_no_interim_one) {
  TestServer server;
  RawClient client(server.port());
  client.send(
      "POST /p HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
      "GET /next HTTP/1.0\r\n\r\n");
  const RawAnswer answer = client.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "POST /p? hi");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpLimits, a_refusal_is_the_last_answer_of_its_connection) {
  TestServer server(echo, small_limits());
  for (const char* refused :
       {"GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n\r\n"}) {
    RawClient client(server.port());
    client.send(std::string(refused) + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_GE(client.read_answer().status, 400) << refused;
    EXPECT_EQ(client.read_to_end(), "") << refused;
  }
}

}  // namespace
}  // namespace penstock::net
