#include "net/request_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace penstock::net {
namespace {

struct Parsed {
  ParseState state{};
  int status = 0;
  HttpRequest request{};
  std::size_t num_taken = 0;
};

// Feeds `bytes` in pieces of the sizes that `next_size` gives.
template <class NextSize>
Parsed parse(std::string_view bytes, NextSize next_size, RequestParser::Limits limits = {}) {
  RequestParser parser(limits);
  std::string pending;
  Parsed out;
  std::size_t given = 0;
  const auto is_over = [&parser] {
    return parser.state() == ParseState::kComplete || parser.state() == ParseState::kRefused;
  };
  while (given < bytes.size() && !is_over()) {
    const std::size_t n = std::min(next_size(), bytes.size() - given);
    pending += bytes.substr(given, n);
    given += n;
    while (!pending.empty() && !is_over()) {
      const ParseState before = parser.state();
      const std::size_t taken = parser.feed(pending);
      pending.erase(0, taken);
      out.num_taken += taken;
      if (taken == 0 && parser.state() == before) break;
    }
  }
  out.state = parser.state();
  out.status = parser.refusal().status;
  if (out.state == ParseState::kComplete) out.request = std::move(parser.request());
  return out;
}

Parsed parse_whole(std::string_view bytes, RequestParser::Limits limits = {}) {
  return parse(bytes, [&bytes] { return bytes.size(); }, limits);
}

int refusal_of(std::string_view bytes, RequestParser::Limits limits = {}) {
  const Parsed parsed = parse_whole(bytes, limits);
  return parsed.state == ParseState::kRefused ? parsed.status : 0;
}

constexpr std::string_view kChunkedPost =
    "POST /v1/chat?x=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    "Content-Type: application/json\r\n\r\n"
    "5\r\nhello\r\n1;ext=\"v\"\r\n \r\n00005\r\nworld\r\n0\r\nTrailer: x\r\n\r\n";

TEST(RequestParser, understands_a_request_with_a_length) {
  const Parsed parsed = parse_whole(
      "POST /a%20b?q HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Y:  z \r\n\r\nhello");
  ASSERT_EQ(parsed.state, ParseState::kComplete);
  EXPECT_EQ(parsed.request.method, "POST");
  EXPECT_EQ(parsed.request.path, "/a b");
  EXPECT_EQ(parsed.request.query, "q");
  EXPECT_EQ(parsed.request.body, "hello");
  EXPECT_EQ(*parsed.request.find_header("x-y"), "z");
}

TEST(RequestParser, understands_chunks_and_leaves_trailers_out) {
  const Parsed parsed = parse_whole(kChunkedPost);
  ASSERT_EQ(parsed.state, ParseState::kComplete);
  EXPECT_EQ(parsed.request.body, "hello world");
  EXPECT_EQ(parsed.request.find_header("trailer"), nullptr);
  EXPECT_EQ(parsed.num_taken, kChunkedPost.size());
}

TEST(RequestParser, gives_the_same_request_for_every_split) {
  for (std::size_t cut = 1; cut < kChunkedPost.size(); ++cut) {
    std::size_t calls = 0;
    const Parsed parsed =
        parse(kChunkedPost, [&] { return calls++ == 0 ? cut : kChunkedPost.size(); });
    ASSERT_EQ(parsed.state, ParseState::kComplete) << cut;
    EXPECT_EQ(parsed.request.body, "hello world") << cut;
    EXPECT_EQ(parsed.request.headers.size(), 3) << cut;
  }
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const std::size_t most = 1 + random() % 9;
    const Parsed parsed = parse(kChunkedPost, [&] { return 1 + random() % most; });
    ASSERT_EQ(parsed.state, ParseState::kComplete) << round;
    EXPECT_EQ(parsed.request.body, "hello world") << round;
  }
}

TEST(RequestParser, stops_at_the_end_of_a_message) {
  const std::string two = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
  const Parsed parsed = parse_whole(two);
  EXPECT_EQ(parsed.request.path, "/1");
  EXPECT_EQ(parsed.num_taken, two.size() / 2);
}

TEST(RequestParser, serves_one_message_after_another) {
  RequestParser parser({});
  for (const char* path : {"/a", "/b"}) {
    const std::string bytes = std::string("\r\n\r\nGET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
    std::string_view rest = bytes;
    while (!rest.empty()) rest.remove_prefix(parser.feed(rest));
    ASSERT_EQ(parser.state(), ParseState::kComplete);
    EXPECT_EQ(parser.request().path, path);
    EXPECT_TRUE(parser.keep_alive());
    parser.reset();
  }
}

TEST(RequestParser, keeps_a_connection_only_for_http_1_1_without_close) {
  const auto keeps = [](std::string_view bytes) {
    RequestParser parser({});
    (void)parser.feed(bytes);
    return parser.state() == ParseState::kComplete && parser.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: TE, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

// RFC 9112 section 11.2: what two servers could read differently.
TEST(RequestParser, refuses_what_could_smuggle_a_request) {
  const std::string line = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::vector<std::string> smugglers = {
      line + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      line + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
      line + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      line + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      line + "Content-Length: 5, 5\r\n\r\nhello",
      line + "Content-Length: +5\r\n\r\nhello",
      line + "Content-Length: -1\r\n\r\n",
      line + "Content-Length: 0x5\r\n\r\nhello",
      line + "Content-Length: 5 5\r\n\r\nhello",
      line + "Content-Length:\r\n\r\n",
      line + "Content-Length: 18446744073709551616\r\n\r\n",
      line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      line + "Content-Length : 5\r\n\r\nhello",
      line + "Content Length: 5\r\n\r\nhello",
      line + " Content-Length: 5\r\n\r\nhello",
      line + "X: a\r\n b\r\n\r\n",
      line + "X: a\r\n\tb\r\n\r\n",
      line + "X: a\nY: b\r\n\r\n",
      line + "X: a\rY: b\r\n\r\n",
      line + ": empty name\r\n\r\n",
      line + "X\x80: a\r\n\r\n",
      line + "X(: a\r\n\r\n",
      line + "no colon\r\n\r\n",
      line + "X: a\x01\r\n\r\n",
      line + std::string("X: a\0b\r\n\r\n", 10),
      std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28),
      line + "Host: other\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET x HTTP/1.1\r\nHost: h\r\n\r\n",
      "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
  };
  for (const std::string& bytes : smugglers) EXPECT_EQ(refusal_of(bytes), 400) << bytes;
}

TEST(RequestParser, refuses_other_codings_versions_and_expectations_by_name) {
  const std::string line = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(refusal_of(line + "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(refusal_of(line + "Transfer-Encoding: identity\r\n\r\n"), 501);
  EXPECT_EQ(refusal_of(line + "Transfer-Encoding: xchunked\r\n\r\n"), 501);
  EXPECT_EQ(refusal_of(line + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"), 415);
  EXPECT_EQ(refusal_of(line + "Content-Encoding: identity\r\nContent-Length: 1\r\n\r\nx"), 0);
  EXPECT_EQ(refusal_of(line + "Expect: tea\r\n\r\n"), 417);
  EXPECT_EQ(refusal_of("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(refusal_of("GET /\r\n\r\n"), 400);
}

TEST(RequestParser, refuses_bad_chunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* body : {"x\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "-1\r\n", "5 \nhello\r\n", "\r\n",
                           "0x5\r\nhello\r\n\r\n", "ffffffffffffffff1\r\n", "5\r\nhello\n0\r\n\r\n",
                           "0\r\nbad trailer\r\n\r\n"}) {
    EXPECT_EQ(refusal_of(head + body), 400) << body;
  }
  EXPECT_EQ(refusal_of(head + "5;" + std::string(20'000, 'e')), 400);
  EXPECT_EQ(refusal_of(head + "0\r\nx: " + std::string(20'000, 'e')), 400);
}

TEST(RequestParser, refuses_headers_and_bodies_over_their_limits) {
  const RequestParser::Limits limits{.header_bytes = 200, .body_bytes = 10};
  const std::string line = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(refusal_of(line + "X: " + std::string(200, 'x'), limits), 431);
  EXPECT_EQ(refusal_of(line + "X: " + std::string(200, 'x') + "\r\n\r\n", limits), 431);
  EXPECT_EQ(refusal_of("GET /" + std::string(200, 'x'), limits), 431);
  EXPECT_EQ(refusal_of(line + "Content-Length: 11\r\n\r\n", limits), 413);
  EXPECT_EQ(refusal_of(line + "Content-Length: 10\r\n\r\n0123456789", limits), 0);
  const std::string chunked = line + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(refusal_of(chunked + "b\r\n", limits), 413);
  EXPECT_EQ(refusal_of(chunked + "6\r\n012345\r\n5\r\n", limits), 413);
  EXPECT_EQ(refusal_of(chunked + "6\r\n012345\r\n4\r\n0123\r\n0\r\n\r\n", limits), 0);
}

TEST(RequestParser, accepts_headers_of_exactly_the_limit) {
  const std::string request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(refusal_of(request, {.header_bytes = request.size(), .body_bytes = 0}), 0);
  EXPECT_EQ(refusal_of(request, {.header_bytes = request.size() - 1, .body_bytes = 0}), 431);
}

// Random bytes and mutated requests: any outcome but a crash, and the same for every split.
TEST(RequestParser, survives_mutations_and_does_not_depend_on_splits) {
  std::mt19937 random(11);
  const std::string alphabet = "\r\n\r\n\0 :,;%\t0123456789abcdefABCDEFchunked/HTTP?=\x80\xff";
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(kChunkedPost);
    for (std::size_t edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % bytes.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 3) {
        case 0:
          bytes[at] = c;
          break;
        case 1:
          bytes.insert(at, 1, c);
          break;
        default:
          bytes.erase(at, 1 + random() % 3);
          break;
      }
    }
    const RequestParser::Limits limits{.header_bytes = 256, .body_bytes = 64};
    const Parsed whole = parse_whole(bytes, limits);
    const Parsed split = parse(bytes, [&] { return 1 + random() % 7; }, limits);
    ASSERT_EQ(whole.state, split.state) << round << "\n" << bytes;
    if (whole.state == ParseState::kComplete) {
      ASSERT_EQ(whole.request.body, split.request.body) << bytes;
      ASSERT_EQ(whole.num_taken, split.num_taken) << bytes;
    }
  }
}

}  // namespace
}  // namespace penstock::net
