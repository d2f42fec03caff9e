// As many connections as this process may open, idle and dripping: they delay no other and cost
// little memory. Long, because it waits for thousands of time limits.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <vector>

#include "net/http_client.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

// Both ends of a connection are in this process.
std::size_t num_affordable_connections() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::size_t>(15'000, (limit.rlim_cur - 100) / 2);
}

std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * 4096;
}

TEST(HttpCrowd, idle_and_dripping_connections_delay_no_other) {
  const std::size_t count = num_affordable_connections();
  HttpServerOptions options;
  options.header_timeout = std::chrono::seconds(10);
  TestServer server(echo, std::move(options));

  const std::size_t before = resident_bytes();
  std::vector<BlockingStream> crowd;
  for (std::size_t i = 0; i < count; ++i) {
    auto stream =
        BlockingStream::connect("127.0.0.1", server.port(), SystemClock().now() + kPatience);
    ASSERT_TRUE(stream) << stream.error().message();
    crowd.push_back(std::move(*stream));
  }
  EXPECT_TRUE(eventually([&] { return server.server().num_connections() == count; }));
  RecordProperty("connections", static_cast<int>(count));
  RecordProperty("bytes_per_connection", static_cast<int>((resident_bytes() - before) / count));

  std::atomic<bool> stop = false;
  std::thread dripping([&] {
    const std::size_t num_dripping = count / 2;
    for (std::size_t i = 0; !stop; i = (i + 1) % num_dripping) {
      (void)::send(crowd[i].fd(), "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (i % 64 == 0) std::this_thread::sleep_for(milliseconds(1));  // the drip itself
    }
  });
  HttpClient normal("127.0.0.1", server.port());
  Duration slowest{};
  const auto all_drippers_gone = [&] {
    const MonotonicTime start = SystemClock().now();
    const auto answer = normal.send({.target = "/a"}, kPatience);
    EXPECT_TRUE(answer && answer->status == 200);
    slowest = std::max(slowest, SystemClock().now() - start);
    return server.server().num_connections() <= count / 2 + 2;
  };
  EXPECT_TRUE(eventually(all_drippers_gone, std::chrono::seconds(40)));
  stop = true;
  dripping.join();
  RecordProperty("slowest_ms", static_cast<int>(to_ms(slowest)));
  EXPECT_LT(slowest, std::chrono::seconds(3));
}

}  // namespace
}  // namespace penstock::net
