// Damaged requests over real sockets: the server answers, refuses or closes, never hangs or falls,
// and serves the next client. Usage: net_http_fuzz_test, about 8 s; PENSTOCK_FUZZ_SECONDS for more.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <vector>

#include "net/http_client.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

const std::vector<std::string> kSeeds = {
    "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world",
    "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;e=\"q\"\r\nhello\r\n"
    "6\r\n world\r\n0\r\nTrailer: t\r\n\r\n",
    "PUT /stream HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\nX: %41\xc3\xa9\r\n\r\n",
};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  // A few seeds behind each other, with a few edits.
  std::string make() {
    std::string bytes;
    for (std::size_t n = 1 + below(3); n > 0; --n) bytes += kSeeds[below(kSeeds.size())];
    for (std::size_t edits = below(5); edits > 0 && !bytes.empty(); --edits) edit(bytes);
    return bytes;
  }

 private:
  void edit(std::string& bytes) {
    static const std::string alphabet("\r\n\0 :,;%\t019afHTTP/.-+\x7f\xff", 24);
    const std::size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] = alphabet[below(alphabet.size())];
        break;
      case 1:
        bytes.insert(at, 1, alphabet[below(alphabet.size())]);
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(30)));
        break;
      default:
        bytes.insert(at, std::string(below(2000), static_cast<char>(below(256))));
        break;
    }
  }

  std::mt19937 random_;
};

void answer(const std::shared_ptr<HttpExchange>& exchange) {
  if (exchange->request().path != "/stream") return echo(exchange);
  exchange->start_stream(200, {});
  exchange->write("some");
  exchange->set_timer(milliseconds(1), [exchange] {
    exchange->write("thing");
    exchange->finish_stream();
  });
}

void run_one(std::uint16_t port, Mutator& mutator) {
  RawClient client(port);
  ASSERT_TRUE(client.is_connected());
  const std::string bytes = mutator.make();
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = mutator.below(4) == 0 ? 1 + mutator.below(20) : bytes.size();
    if (!client.send(std::string_view(bytes).substr(at, n))) break;
    at += n;
  }
  switch (mutator.below(8)) {
    case 0:
      return client.stream().reset();
    case 1:
      return client.stream().close();
    default:
      client.stream().shutdown_write();
      ASSERT_TRUE(client.is_closed_by_server()) << bytes;
  }
}

TEST(HttpFuzz, damaged_requests_hurt_nobody) {
  const char* const wanted = std::getenv("PENSTOCK_FUZZ_SECONDS");
  const auto budget = std::chrono::seconds(wanted != nullptr ? std::atoi(wanted) : 8);
  HttpServerOptions options;
  options.header_limit_bytes = 4096;
  options.body_limit_bytes = 4096;
  options.header_timeout = options.body_timeout = milliseconds(500);
  options.linger_timeout = milliseconds(100);
  TestServer server(answer, std::move(options));
  const MonotonicTime end = SystemClock().now() + budget;
  std::vector<std::thread> threads;
  std::atomic<int> num_rounds = 0;
  for (unsigned t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (unsigned round = 0; SystemClock().now() < end && !testing::Test::HasFailure(); ++round) {
        Mutator mutator(round * 2 + t);  // each round can be run alone
        run_one(server.port(), mutator);
        ++num_rounds;
        if (round % 100 != 0) continue;
        HttpClient control("127.0.0.1", server.port());
        const auto alive = control.send({.target = "/a"}, kPatience);
        ASSERT_TRUE(alive && alive->status == 200) << "after round " << round * 2 + t;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  RecordProperty("rounds", num_rounds);
  EXPECT_GT(num_rounds, 100);
  EXPECT_TRUE(server.becomes_idle());
}

}  // namespace
}  // namespace penstock::net
