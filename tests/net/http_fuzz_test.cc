// Forged, damaged and random bytes over real sockets: what is valid is answered, what is broken is
// refused and never misread as two requests, nothing hangs or falls, and the next client is served.
//
//   net_http_fuzz_test            5,000 connections; PENSTOCK_FUZZ_CONNECTIONS for more
//
// Each connection can be repeated alone: its number is the seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "net/http_client.h"
#include "tests/net/request_forge.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

constexpr unsigned kDefaultConnections = 5000;
constexpr unsigned kProbeEvery = 250;
constexpr Duration kQuick = std::chrono::seconds(5);  // of a probe, on a busy machine

unsigned num_connections() {
  const char* const wanted = std::getenv("PENSTOCK_FUZZ_CONNECTIONS");
  return wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10))
                           : kDefaultConnections;
}

HttpServerOptions fuzz_options() {
  HttpServerOptions options;
  options.header_limit_bytes = RequestForge::kHeaderLimitBytes;
  options.body_limit_bytes = RequestForge::kBodyLimitBytes;
  options.linger_timeout = kPatience;  // ends with the client's end, which always comes
  return options;
}

// What the handler understood.
std::string understood(const std::string& path, const std::string& body) {
  return format("{} {}:{}", path, body.size(), body);
}

void answer(const std::shared_ptr<HttpExchange>& exchange) {
  const HttpRequest& request = exchange->request();
  exchange->respond(text_response(understood(request.path, request.body)));
}

// Where random bytes are told from forged ones: half of the answers are streams.
void answer_or_stream(const std::shared_ptr<HttpExchange>& exchange) {
  if (exchange->request().path.size() % 2 == 0) return answer(exchange);
  exchange->start_stream(200, {});
  exchange->write("some");
  exchange->set_timer(milliseconds(1), [exchange] {
    exchange->write("thing");
    exchange->finish_stream();
  });
}

// In pieces of any size.
void send_split(RawClient& client, RequestForge& forge, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = forge.one_in(4) ? 1 + forge.below(40) : bytes.size();
    if (!client.send(bytes.substr(0, n))) return;
    bytes.remove_prefix(std::min(n, bytes.size()));
  }
}

// Passes over interim answers.
RawAnswer next_answer(RawClient& client, bool to_head_request) {
  RawAnswer answer = client.read_answer(to_head_request);
  while (answer.status == 100) answer = client.read_answer(to_head_request);
  return answer;
}

bool is_refusal(int status) {
  constexpr std::array kRefusals = {400, 413, 415, 417, 431, 501, 505};
  return std::ranges::find(kRefusals, status) != kRefusals.end();
}

// Some valid requests in one go, and perhaps a broken one behind them.
void forged_connection(std::uint16_t port, unsigned seed) {
  RequestForge forge(seed);
  std::vector<ForgedRequest> requests;
  for (std::size_t n = forge.below(4); n > 0; --n) requests.push_back(forge.make_valid());
  if (requests.empty() || forge.one_in(2)) requests.push_back(forge.make_broken());
  std::string bytes;
  for (const ForgedRequest& request : requests) bytes += request.bytes;

  RawClient client(port);
  ASSERT_TRUE(client.is_connected());
  send_split(client, forge, bytes);
  client.stream().shutdown_write();
  for (const ForgedRequest& request : requests) {
    const RawAnswer answer = next_answer(client, request.is_head);
    if (request.fault.empty()) {
      ASSERT_EQ(answer.status, 200) << "seed " << seed << "\n" << request.bytes;
      if (!request.is_head) {
        ASSERT_EQ(answer.body, understood(request.path, request.body)) << "seed " << seed;
      }
    } else {
      ASSERT_TRUE(is_refusal(answer.status))
          << answer.status << " for " << request.fault << ", seed " << seed << "\n"
          << request.bytes;
    }
    if (!request.ends_session) continue;
    EXPECT_EQ(answer.header("connection"), "close");
    break;
  }
  ASSERT_EQ(client.read_to_end(), "") << "seed " << seed;
}

// Nobody knows what becomes of these; but what comes back is HTTP, and nothing follows a refusal.
void damaged_connection(std::uint16_t port, unsigned seed) {
  RequestForge forge(seed);
  std::string bytes;
  if (forge.one_in(5)) {
    bytes = forge.make_noise();
  } else {
    for (std::size_t n = 1 + forge.below(3); n > 0; --n) bytes += forge.make_valid().bytes;
    forge.damage(bytes);
  }
  RawClient client(port);
  ASSERT_TRUE(client.is_connected());
  send_split(client, forge, bytes);
  if (forge.one_in(8)) return client.stream().reset();
  if (forge.one_in(8)) return client.stream().close();
  client.stream().shutdown_write();
  if (bytes.find("HEAD") != std::string::npos) {  // the bytes do not say which answers have bodies
    ASSERT_TRUE(client.is_closed_by_server()) << "seed " << seed;
    return;
  }
  while (!client.unread().empty() || client.read_more()) {
    const RawAnswer answer = client.read_answer();
    ASSERT_TRUE(answer.status == 100 || answer.status == 200 || is_refusal(answer.status))
        << answer.status << ", seed " << seed;
    if (is_refusal(answer.status)) {
      ASSERT_EQ(client.read_to_end(), "") << "seed " << seed;
      return;
    }
  }
}

class HttpFuzz : public testing::Test {
 protected:
  // Runs `connection(port, seed)` for every seed, on two threads.
  void run(TestServer& server, void (*connection)(std::uint16_t, unsigned)) {
    const unsigned count = num_connections();
    std::atomic<unsigned> next_seed = 0;
    const auto work = [&] {
      for (unsigned seed = next_seed++; seed < count && !HasFailure(); seed = next_seed++) {
        connection(server.port(), seed);
        if (seed % kProbeEvery == 0) probe(server.port(), seed);
      }
    };
    std::thread other(work);
    work();
    other.join();
    EXPECT_TRUE(server.becomes_idle());
    EXPECT_EQ(server.server().num_buffered_body_bytes(), 0);
    RecordProperty("connections", static_cast<int>(count));
    RecordProperty("slowest_probe_ms", static_cast<int>(to_ms(slowest_probe_)));
  }

 private:
  void probe(std::uint16_t port, unsigned seed) {
    HttpClient client("127.0.0.1", port);
    const MonotonicTime start = SystemClock().now();
    const auto alive = client.send({.target = "/ab"}, kQuick);
    ASSERT_TRUE(alive && alive->status == 200) << "after seed " << seed;
    const std::lock_guard lock(mutex_);
    slowest_probe_ = std::max(slowest_probe_, SystemClock().now() - start);
  }

  std::mutex mutex_;
  Duration slowest_probe_{};
};

TEST_F(HttpFuzz, forged_requests_are_answered_or_refused_as_they_deserve) {
  TestServer server(
      [](const std::shared_ptr<HttpExchange>& exchange) {
        EXPECT_NE(exchange->request().path, "/smuggled");
        answer(exchange);
      },
      fuzz_options());
  run(server, forged_connection);
}

TEST_F(HttpFuzz, damaged_and_random_bytes_hurt_nobody) {
  TestServer server(answer_or_stream, fuzz_options());
  run(server, damaged_connection);
}

}  // namespace
}  // namespace penstock::net
