#include "frontend/access/cors.h"

#include <gtest/gtest.h>

#include "tests/frontend/harness.h"

namespace penstock::frontend {
namespace {

constexpr const char* kPage = "https://chat.example";

FakeWorker::Scripter says_x() {
  return [](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens({'x'}), stop_at(kImEnd)};
  };
}

FrontendOptions with_origins(const std::vector<std::string>& origins) {
  FrontendOptions options;
  options.cors = Cors::allow(origins).value();
  return options;
}

TEST(Cors, takes_origins_as_browsers_write_them) {
  for (const char* good : {"*", "https://a.example", "http://localhost:3000", "app://x"}) {
    EXPECT_TRUE(Cors::allow({good})) << good;
  }
  for (const char* bad : {"a.example", "https://a.example/", "https://", "HTTPS://a.example",
                          "https://*.example", "null", "", "https://a b"}) {
    const auto cors = Cors::allow({bad});
    ASSERT_FALSE(cors) << bad;
    EXPECT_TRUE(cors.error().message().contains("--cors-origin '")) << cors.error().message();
  }
}

TEST(Cors, every_answer_may_be_read_by_the_page_errors_and_streams_too) {
  Harness harness(says_x(), with_origins({kPage, "http://localhost:3000"}));
  const net::HttpHeaders from_page = {{"origin", kPage}};
  const std::string body = R"({"model":"tiny","prompt":"a"})";
  const std::string stream = R"({"model":"tiny","prompt":"a","stream":true})";
  for (const Recorded& answer :
       {harness.send("POST", "/v1/completions", body, from_page)->wait_done(),
        harness.send("POST", "/v1/completions", stream, from_page)->wait_done(),
        harness.send("POST", "/v1/completions", "{", from_page)->wait_done(),
        harness.send("GET", "/nowhere", "", from_page)->wait_done(),
        harness.send("GET", "/v1/completions", "", from_page)->wait_done(),
        harness.send("GET", "/health", "", from_page)->wait_done()}) {
    EXPECT_EQ(answer.header("access-control-allow-origin"), kPage) << answer.body;
    EXPECT_EQ(answer.header("vary"), "Origin");
    EXPECT_TRUE(answer.header("access-control-expose-headers").contains("x-request-id"));
  }
}

TEST(Cors, another_page_learns_nothing) {
  Harness harness(says_x(), with_origins({kPage}));
  const Recorded answer =
      harness.send("GET", "/v1/models", "", {{"origin", "https://evil.example"}})->wait_done();
  EXPECT_EQ(answer.header("access-control-allow-origin"), "");
  EXPECT_EQ(answer.header("vary"), "Origin");
  const Recorded preflight =
      harness.send("OPTIONS", "/v1/models", "", {{"origin", "https://evil.example"}})->wait_done();
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.header("access-control-allow-methods"), "");
}

TEST(Cors, preflights_of_known_paths_are_answered_without_a_key) {
  AccessConfig keys;
  keys.tenants = {{.name = "t", .share_cache = true}};
  keys.keys = {{.id = "k", .digest = sha256("k"), .tenant = "t"}};
  Harness harness(says_x(), with_origins({"*"}), {}, make_byte_tokenizer(), keys);
  const auto ask = [&](std::string path) {
    return harness
        .send("OPTIONS", std::move(path), "",
              {{"origin", kPage}, {"access-control-request-method", "POST"}})
        ->wait_done();
  };
  const Recorded answer = ask("/v1/chat/completions");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "*");
  EXPECT_EQ(answer.header("access-control-allow-methods"), "POST");
  EXPECT_EQ(answer.header("access-control-max-age"), "7200");
  for (const char* header : {"authorization", "content-type", "x-penstock-timeout-ms"}) {
    EXPECT_TRUE(answer.header("access-control-allow-headers").contains(header)) << header;
  }
  EXPECT_EQ(ask("/v1/models/x").header("access-control-allow-methods"), "GET, HEAD");
  EXPECT_EQ(ask("/nowhere").status, 404);
}

TEST(Cors, switched_off_nothing_is_said_and_options_is_a_wrong_method) {
  Harness harness(says_x());
  const Recorded answer =
      harness.send("OPTIONS", "/v1/models", "", {{"origin", kPage}})->wait_done();
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("vary"), "");
  EXPECT_EQ(answer.header("access-control-allow-origin"), "");
}

}  // namespace
}  // namespace penstock::frontend
