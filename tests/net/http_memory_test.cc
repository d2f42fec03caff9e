// What request bodies may take of the memory together, and how many connections there may be.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <mutex>
#include <vector>

#include "net/file_limit.h"
#include "tests/net/server_fixture.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

std::string post_head(std::size_t content_length, std::string_view more = "") {
  return format("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{}\r\n", content_length,
                more);
}

TEST(ByteBudget, gives_each_byte_to_one_lease_and_takes_it_back) {
  const auto budget = std::make_shared<ByteBudget>(100);
  ByteBudget::Lease first(budget);
  EXPECT_TRUE(first.grow_to(60));
  EXPECT_TRUE(first.grow_to(50));  // never shrinks
  EXPECT_EQ(budget->held_bytes(), 60);
  EXPECT_TRUE(budget->has_room_for(40));
  EXPECT_FALSE(budget->has_room_for(41));
  {
    ByteBudget::Lease second(budget);
    EXPECT_FALSE(second.grow_to(41));
    EXPECT_EQ(second.num_bytes(), 0);
    EXPECT_TRUE(second.grow_to(40));
    EXPECT_FALSE(budget->has_room_for(1));
    ByteBudget::Lease moved = std::move(second);
    EXPECT_EQ(budget->held_bytes(), 100);
    first = std::move(moved);
    EXPECT_EQ(budget->held_bytes(), 40);
  }
  EXPECT_EQ(budget->held_bytes(), 40);
  first.release();
  EXPECT_EQ(budget->held_bytes(), 0);
  EXPECT_FALSE(ByteBudget::Lease().grow_to(1));
}

TEST(HttpMemory, a_body_that_does_not_fit_is_refused_as_overload_and_others_go_on) {
  HttpServerOptions options;
  options.max_buffered_body_bytes = 1'000'000;
  TestServer server(echo, std::move(options));
  // Announced is not buffered: this one sends little of what it says.
  RawClient announcing(server.port());
  announcing.send(post_head(900'000) + "little");
  RawClient large(server.port());
  large.send(post_head(700'000) + std::string(600'000, 'x'));
  EXPECT_TRUE(eventually([&] { return server.server().num_buffered_body_bytes() == 600'006; }));

  RawClient refused(server.port());
  const RawAnswer answer = refused.ask(post_head(400'000, "Expect: 100-continue\r\n"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("retry-after"), "1");
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_NE(answer.body.find("1000000"), std::string::npos);
  EXPECT_TRUE(refused.is_closed_by_server());
  RawClient chunked(server.port());
  chunked.send("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n61a80\r\n");
  chunked.send(std::string(400'000, 'x'));
  EXPECT_EQ(chunked.read_answer().status, 503);
  announcing.send(std::string(899'994, 'x'));
  EXPECT_EQ(announcing.read_answer().status, 503);

  RawClient small(server.port());
  EXPECT_EQ(small.ask(kGet).status, 200);
  EXPECT_EQ(small.ask(post_head(2) + "hi").body, "POST /p? hi");
  large.send(std::string(100'000, 'x'));
  EXPECT_EQ(large.read_answer().status, 200);
  EXPECT_TRUE(eventually([&] { return server.server().num_buffered_body_bytes() == 0; }));
}

TEST(HttpMemory, a_body_counts_until_whoever_has_its_lease_lets_go) {
  HttpServerOptions options;
  options.max_buffered_body_bytes = 1000;
  std::mutex mutex;
  std::vector<HttpRequest> kept;
  std::vector<std::shared_ptr<HttpExchange>> waiting;
  TestServer server(
      [&](const std::shared_ptr<HttpExchange>& exchange) {
        const std::lock_guard lock(mutex);
        if (exchange->request().path == "/move") {
          kept.push_back(std::move(exchange->request()));
          exchange->respond(text_response("taken"));
        } else {
          waiting.push_back(exchange);
        }
      },
      std::move(options));
  const std::string bytes(600, 'x');
  const auto ask = [&](std::string_view path) {
    RawClient client(server.port());
    return client
        .ask(format("POST {} HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n", path) + bytes)
        .status;
  };
  EXPECT_EQ(ask("/move"), 200);
  EXPECT_EQ(ask("/move"), 503);  // answered long ago, but its body is still there
  {
    const std::lock_guard lock(mutex);
    kept.clear();
  }
  RawClient client(server.port());
  client.send("POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n" + bytes);
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return !waiting.empty();
  }));
  EXPECT_EQ(ask("/move"), 503);
  {
    const std::lock_guard lock(mutex);
    waiting.front()->post([exchange = waiting.front()] { exchange->respond(text_response("")); });
    waiting.clear();
  }
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_TRUE(eventually([&] { return server.server().num_buffered_body_bytes() == 0; }));
  EXPECT_EQ(ask("/move"), 200);
}

TEST(HttpMemory, bodies_that_never_end_well_leave_nothing) {
  HttpServerOptions options;
  options.body_timeout = milliseconds(50);
  TestServer server(echo, std::move(options));
  for (int how = 0; how < 4; ++how) {
    RawClient client(server.port());
    client.send(post_head(1000) + std::string(500, 'x'));
    if (how == 0) client.stream().reset();
    if (how == 1) client.stream().shutdown_write();
    if (how == 2) {
      EXPECT_EQ(client.read_answer().status, 408);
    }
    if (how == 3) {
      RawClient broken(server.port());
      broken.ask("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz");
    }
    EXPECT_TRUE(eventually([&] { return server.server().num_buffered_body_bytes() == 0; })) << how;
  }
}

TEST(HttpMemory, the_overload_answer_is_the_hooks) {
  IoPool pool(1);
  SystemClock clock;
  Ledger ledger(clock);
  HttpServerOptions options;
  options.max_buffered_body_bytes = 10;
  auto server =
      HttpServer::listen(pool, ledger, options, echo, [](int status, std::string_view message) {
        HttpResponse response{.status = status, .body = std::string(message)};
        if (status == 503) {
          response.status = 429;
          response.headers = {{"Retry-After", "7"}};
        }
        return response;
      });
  ASSERT_TRUE(server);
  RawClient client((*server)->port());
  const RawAnswer answer = client.ask(post_head(11));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("Retry-After"), "7");
  EXPECT_EQ(answer.header("retry-after"), "");
}

TEST(HttpMemory, a_gibibyte_at_most_is_the_default) {
  EXPECT_LE(HttpServerOptions().max_buffered_body_bytes, 1UL << 30);
  EXPECT_GE(HttpServerOptions().max_buffered_body_bytes, 1UL << 20);
}

// Two servers on the same loops, as the public and the admin port.
TEST(HttpMemory, a_second_server_has_its_own_limits_connections_and_end) {
  HttpServerOptions options;
  options.max_connections = 1;
  options.max_buffered_body_bytes = 100;
  TestServer server(echo, options);
  auto admin = HttpServer::listen(server.pool(), server.ledger(), {},
                                  [](const std::shared_ptr<HttpExchange>& exchange) {
                                    exchange->respond(text_response("admin"));
                                  },
                                  {});
  ASSERT_TRUE(admin);
  RawClient only(server.port());
  EXPECT_EQ(only.ask(kGet).body, "GET /a? ");
  RawClient operators((*admin)->port());
  EXPECT_EQ(operators.ask(kGet).body, "admin");
  EXPECT_EQ(operators.ask(post_head(200) + std::string(200, 'x')).body, "admin");
  server.server().close_all(kPatience);
  EXPECT_TRUE(only.is_closed_by_server());
  EXPECT_EQ(operators.ask(kGet).body, "admin");
  EXPECT_FALSE(RawClient(server.port()).is_connected());
}

class FileLimit : public testing::Test {
 protected:
  void SetUp() override { ::getrlimit(RLIMIT_NOFILE, &original_); }
  void TearDown() override { ::setrlimit(RLIMIT_NOFILE, &original_); }
  static rlim_t current() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
  }
  static void set_soft(rlim_t value, rlim_t hard) {
    const rlimit limit{.rlim_cur = value, .rlim_max = hard};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  rlimit original_{};
};

TEST_F(FileLimit, is_raised_no_further_than_needed) {
  set_soft(300, original_.rlim_max);
  EXPECT_EQ(ensure_file_limit(500), 500);
  EXPECT_GE(current(), 500);
  EXPECT_LT(current(), 1000);
  const rlim_t before = current();
  EXPECT_EQ(ensure_file_limit(10), 10);
  EXPECT_EQ(current(), before);
}

TEST_F(FileLimit, says_how_many_connections_are_possible_when_it_cannot_be_met) {
  set_soft(300, original_.rlim_max);
  constexpr std::size_t kAbsurd = 1'000'000'000'000;
  testing::internal::CaptureStderr();
  const std::size_t affordable = ensure_file_limit(kAbsurd);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(current(), original_.rlim_max);
  EXPECT_LT(affordable, original_.rlim_max);
  EXPECT_GT(affordable, original_.rlim_max / 2);
  for (const std::string& number :
       {std::to_string(kAbsurd), std::to_string(affordable), std::to_string(original_.rlim_max)}) {
    EXPECT_NE(log.find(number), std::string::npos) << number << " in: " << log;
  }
}

}  // namespace
}  // namespace penstock::net
