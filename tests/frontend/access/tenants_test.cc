// What a tenant may do, seen from outside: keys, models, limits, priorities, salts.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/frontend/harness.h"

namespace penstock::frontend {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

FakeWorker::Scripter says_x() {
  return [](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens({'x'}), stop_at(kImEnd)};
  };
}
FakeWorker::Scripter never_ends() {
  return [](const rpc::Submit&, std::uint32_t) { return FakeWorker::Script{tokens({'x'})}; };
}

AccessConfig tenant_is(TenantPolicy policy) {
  policy.name = "acme";
  AccessConfig config;
  config.salt_key = "penstock-test-key";
  config.tenants = {std::move(policy), {.name = "other"}};
  config.keys = {{.id = "a1", .digest = sha256("key-a1"), .tenant = "acme"},
                 {.id = "a2", .digest = sha256("key-a2"), .tenant = "acme"},
                 {.id = "b1", .digest = sha256("key-b1"), .tenant = "other"}};
  return config;
}

class Tenants : public ::testing::Test {
 protected:
  void serve(TenantPolicy policy, FakeWorker::Scripter scripter = says_x()) {
    harness.emplace(std::move(scripter), FrontendOptions{}, Harness::FindStall{},
                    make_byte_tokenizer(), tenant_is(std::move(policy)));
  }
  std::shared_ptr<FakeExchange> start(std::string_view key, const std::string& more = "",
                                      net::HttpHeaders headers = {}) {
    if (!key.empty()) headers.push_back({"authorization", "Bearer " + std::string(key)});
    return harness->send("POST", "/v1/completions", R"({"model":"tiny","prompt":"hi")" + more + "}",
                         std::move(headers));
  }
  Recorded ask(std::string_view key, const std::string& more = "", net::HttpHeaders headers = {}) {
    return start(key, more, std::move(headers))->wait_done();
  }
  Recorded get(std::string path, std::string_view key) {
    return harness->send("GET", std::move(path), "", {{"x-api-key", std::string(key)}})
        ->wait_done();
  }
  rpc::Submit last_submit() { return harness->worker().submits().back(); }

  std::optional<Harness> harness;
};

TEST_F(Tenants, a_request_without_a_good_key_is_told_how_to_send_one) {
  serve({});
  for (const char* key : {"", "wrong"}) {
    const Recorded answer = ask(key);
    EXPECT_EQ(answer.status, 401) << answer.body;
    EXPECT_TRUE(answer.body.contains(R"("code":"invalid_api_key")")) << answer.body;
    EXPECT_TRUE(answer.body.contains(R"("type":"authentication_error")")) << answer.body;
    EXPECT_EQ(answer.header("www-authenticate"), "Bearer");
    EXPECT_FALSE(answer.header("x-request-id").empty());
  }
  EXPECT_EQ(get("/v1/models", "wrong").status, 401);
  EXPECT_EQ(ask("key-a1").status, 200);
  EXPECT_EQ(ask("", "", {{"x-api-key", "key-b1"}}).status, 200);
}

TEST_F(Tenants, probes_and_scrapers_need_no_key) {
  serve({});
  for (const char* path : {"/live", "/ready", "/health", "/metrics"}) {
    EXPECT_EQ(harness->send("GET", path)->wait_done().status, 200) << path;
  }
  EXPECT_EQ(harness->send("GET", "/nowhere")->wait_done().status, 404);
}

TEST_F(Tenants, the_key_is_checked_on_the_headers_alone) {
  serve({});
  const net::HttpHeaderCheck check = harness->frontend().header_check();
  net::HttpRequest request;
  request.method = "POST";
  request.path = "/v1/chat/completions";
  request.headers = {{"expect", "100-continue"}, {"x-request-id", "mine"}};
  const auto refusal = check(request);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 401);
  const auto has = [&](std::string_view name, std::string_view value) {
    return std::ranges::any_of(refusal->headers, [&](const net::HttpHeader& header) {
      return header.name == name && header.value == value;
    });
  };
  EXPECT_TRUE(has("x-request-id", "mine"));
  EXPECT_TRUE(has("www-authenticate", "Bearer"));
  request.headers.push_back({"x-api-key", "key-a1"});
  EXPECT_FALSE(check(request));
  request.headers.clear();
  request.path = "/health";
  request.method = "GET";
  EXPECT_FALSE(check(request));
}

TEST_F(Tenants, a_model_outside_the_globs_is_as_if_it_were_not_there) {
  serve({.models = {"other-*"}});
  const Recorded hidden = ask("key-a1");
  const Recorded unknown =
      harness
          ->send("POST", "/v1/completions", R"({"model":"nope","prompt":"hi"})",
                 {{"x-api-key", "key-a1"}})
          ->wait_done();
  EXPECT_EQ(error_of(hidden), "404 model_not_found model");
  EXPECT_EQ(error_of(unknown), error_of(hidden));
  EXPECT_EQ(get("/v1/models", "key-a1").body, R"({"object":"list","data":[]})");
  EXPECT_EQ(get("/v1/models/tiny", "key-a1").status, 404);
  EXPECT_EQ(get("/v1/models/tiny", "key-b1").status, 200);
  EXPECT_EQ(ask("key-b1").status, 200);
}

TEST_F(Tenants, requests_at_once_are_bounded_over_all_keys_of_the_tenant) {
  serve({.limits = {.max_concurrent = 2}}, never_ends());
  const auto first = start("key-a1");
  const auto second = start("key-a2");
  ASSERT_TRUE(Harness::eventually([this] { return harness->worker().num_live() == 2; }));
  const Recorded third = ask("key-a1");
  EXPECT_EQ(error_of(third), "429 rate_limit_exceeded max_concurrent");
  EXPECT_EQ(third.header("retry-after"), "1");
  const auto others = start("key-b1");
  ASSERT_TRUE(Harness::eventually([this] { return harness->worker().num_live() == 3; }))
      << "another tenant's request runs";
  first->disconnect();
  ASSERT_TRUE(Harness::eventually([this] { return harness->frontend().num_in_flight() == 2; }));
  const auto fourth = start("key-a2");
  ASSERT_TRUE(Harness::eventually([this] { return harness->worker().submits().size() == 4; }));
}

TEST_F(Tenants, requests_per_minute_are_told_when_to_come_back) {
  serve({.limits = {.requests_per_minute = 4}});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask("key-a1").status, 200);
  const Recorded refused = ask("key-a2");
  EXPECT_EQ(error_of(refused), "429 rate_limit_exceeded requests_per_minute");
  EXPECT_TRUE(refused.body.contains(R"("type":"rate_limit_error")"));
  EXPECT_EQ(refused.header("retry-after"), "15");
  harness->clock().advance(milliseconds(1));
  EXPECT_EQ(ask("key-a1").header("retry-after"), "15") << "whole seconds, rounded up";
  harness->clock().advance(milliseconds(14'999));
  EXPECT_EQ(ask("key-a1").status, 200) << "who waits as told is served";
  EXPECT_EQ(ask("key-b1").status, 200);
}

// A prompt of 2 tokens; 2 tokens are generated of the max_tokens that are reserved.
TEST_F(Tenants, tokens_are_counted_with_max_tokens_first_and_corrected_at_the_end) {
  serve({.limits = {.tokens_per_minute = 60}});
  EXPECT_EQ(ask("key-a1", R"(,"max_tokens":58)").status, 200);
  EXPECT_EQ(ask("key-a1", R"(,"max_tokens":54)").status, 200) << "only 4 were used";
  const Recorded refused = ask("key-a1", R"(,"max_tokens":58)");
  EXPECT_EQ(error_of(refused), "429 rate_limit_exceeded tokens_per_minute");
  EXPECT_EQ(refused.header("retry-after"), "8") << "8 of 60 are used";
  EXPECT_EQ(ask("key-a1", R"(,"max_tokens":24,"n":2)").status, 200) << "2 + 2 * 24 fit";
  EXPECT_EQ(error_of(ask("key-a1", R"(,"max_tokens":26,"n":2)")),
            "429 rate_limit_exceeded tokens_per_minute")
      << "every choice counts";
}

TEST_F(Tenants, a_running_reservation_holds_its_tokens) {
  serve({.limits = {.tokens_per_minute = 100}}, never_ends());
  const auto running = start("key-a1", R"(,"max_tokens":90)");
  ASSERT_TRUE(Harness::eventually([this] { return harness->worker().num_live() == 1; }));
  EXPECT_EQ(ask("key-a1", R"(,"max_tokens":20)").status, 429);
  running->disconnect();
  ASSERT_TRUE(Harness::eventually([this] { return harness->frontend().num_in_flight() == 0; }));
  const auto next = start("key-a1", R"(,"max_tokens":90)");
  EXPECT_TRUE(Harness::eventually([this] { return harness->worker().submits().size() == 2; }));
}

TEST_F(Tenants, what_never_ran_costs_no_tokens) {
  serve({.limits = {.tokens_per_minute = 60}}, [](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{worker_error(rpc::WorkerErrorCode::kKvCapacity, "too big")};
  });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(error_of(ask("key-a1", R"(,"max_tokens":58)")), "400 kv_capacity_exceeded null");
  }
}

TEST_F(Tenants, priorities_are_lowered_and_weights_passed_on) {
  serve({.weight = 2.5, .max_priority = 3, .max_strict_priority = 1});
  const auto ask_with = [&](const char* priority, const char* strict) {
    EXPECT_EQ(ask("key-a1", "",
                  {{"x-penstock-priority", priority}, {"x-penstock-strict-priority", strict}})
                  .status,
              200);
    return std::pair(last_submit().priority, last_submit().strict_priority);
  };
  EXPECT_EQ(ask_with("9", "7"), std::pair(3, 1U));
  EXPECT_EQ(ask_with("2", "0"), std::pair(2, 0U));
  EXPECT_EQ(ask_with("-5", "1"), std::pair(-5, 1U));
  EXPECT_EQ(last_submit().tenant, "acme");
  EXPECT_EQ(last_submit().weight, 2.5F);
}

TEST_F(Tenants, priorities_in_the_body_are_lowered_too) {
  serve({.max_priority = 3, .max_strict_priority = 1});
  const std::string hints = R"(,"penstock":{"agent_hints":{"priority":9,"strict_priority":7}})";
  EXPECT_EQ(ask("key-a1", hints).status, 200);
  EXPECT_EQ(last_submit().priority, 3);
  EXPECT_EQ(last_submit().strict_priority, 1U);
  EXPECT_EQ(ask("key-a1", hints, {{"x-penstock-priority", "-1"}}).status, 200);
  EXPECT_EQ(last_submit().priority, -1) << "the header wins";
}

TEST_F(Tenants, the_longest_deadline_is_the_tenants) {
  serve({.max_deadline = seconds(5)});
  EXPECT_EQ(ask("key-a1").status, 200);
  EXPECT_EQ(last_submit().remaining_us, 5'000'000);
  EXPECT_EQ(ask("key-a1", "", {{"x-penstock-timeout-ms", "60000"}}).status, 200);
  EXPECT_EQ(last_submit().remaining_us, 5'000'000);
  EXPECT_EQ(ask("key-a1", "", {{"x-penstock-timeout-ms", "2000"}}).status, 200);
  EXPECT_EQ(last_submit().remaining_us, 2'000'000);
}

TEST_F(Tenants, only_who_may_route_pins_a_worker) {
  serve({});
  for (const char* pin :
       {"x-penstock-worker-id", "x-dynamo-dp-rank", "x-penstock-prefill-dp-rank"}) {
    EXPECT_EQ(error_of(ask("key-a1", "", {{pin, "1"}})),
              std::string("403 routing_not_allowed ") + pin);
  }
  for (const char* pin : {"backend_instance_id", "decode_worker_id", "dp_rank"}) {
    const std::string more = std::string(R"(,"penstock":{")") + pin + R"(":1})";
    EXPECT_EQ(error_of(ask("key-a1", more)),
              std::string("403 routing_not_allowed penstock.") + pin);
  }
  serve({.allow_routing = true});
  EXPECT_EQ(ask("key-a1", "", {{"x-penstock-worker-id", "1"}, {"x-penstock-dp-rank", "0"}}).status,
            200);
  EXPECT_EQ(error_of(ask("key-a1", "", {{"x-penstock-worker-id", "7"}})),
            "400 invalid_value x-penstock-worker-id");
  EXPECT_EQ(error_of(ask("key-a1", "", {{"x-penstock-worker-id", "one"}})),
            "400 invalid_value x-penstock-worker-id");
  EXPECT_EQ(error_of(ask("key-a1", "", {{"x-penstock-dp-rank", "1"}})),
            "400 invalid_value x-penstock-dp-rank");
  EXPECT_EQ(error_of(ask("key-a1", "", {{"x-dynamo-dp-rank", "1"}})),
            "400 invalid_value x-dynamo-dp-rank");
  EXPECT_EQ(error_of(ask("key-a1", "", {{"x-penstock-prefill-worker-id", "1"}})),
            "400 unsupported_parameter x-penstock-prefill-worker-id");
}

TEST_F(Tenants, the_salt_is_the_tenants_and_a_request_only_narrows_it) {
  serve({});
  EXPECT_EQ(ask("key-a1").status, 200);
  const std::string acme = last_submit().salt;
  EXPECT_EQ(acme,
            "\x1F"
            "1a989a19cd36e906815e1f0fab41d7c5");
  EXPECT_EQ(ask("key-a2").status, 200);
  EXPECT_EQ(last_submit().salt, acme) << "two keys of one tenant share";
  EXPECT_EQ(ask("key-a1", R"(,"cache_salt":"proj-x")").status, 200);
  EXPECT_EQ(last_submit().salt, acme + "\x1Fproj-x");
  EXPECT_EQ(ask("key-b1", R"(,"cache_salt":"1a989a19cd36e906815e1f0fab41d7c5")").status, 200);
  EXPECT_NE(last_submit().salt, acme);
  serve({.share_cache = true});
  EXPECT_EQ(ask("key-a1").status, 200);
  EXPECT_EQ(last_submit().salt, "");
  EXPECT_EQ(ask("key-a1", R"(,"cache_salt":"s")").status, 200);
  EXPECT_EQ(last_submit().salt, "s");
}

TEST_F(Tenants, what_was_used_is_summed_per_key_and_tenant) {
  serve({});
  (void)ask("key-a1");
  (void)ask("key-a1", R"(,"n":2)");
  (void)ask("key-a2");
  (void)ask("wrong");
  const auto views = harness->access().tenants();
  const UsageTotals acme = views[0].tenant->account().usage.totals();
  EXPECT_EQ(acme.requests, 3U);
  EXPECT_EQ(acme.tokens.prompt, 6U);
  EXPECT_EQ(acme.tokens.completion, 8U);
  EXPECT_EQ(acme.tokens.wasted, 0U);
  EXPECT_EQ(views[0].keys[0]->usage->totals().requests, 2U);
  EXPECT_EQ(views[0].keys[1]->usage->totals().tokens.completion, 2U);
  EXPECT_EQ(views[1].tenant->account().usage.totals().requests, 0U);
}

TEST_F(Tenants, refusals_are_counted_by_their_cause) {
  serve({.limits = {.requests_per_minute = 1}});
  (void)ask("key-a1");
  (void)ask("key-a1");
  net::HttpRequest request;
  request.method = "POST";
  request.path = "/v1/completions";
  (void)harness->frontend().header_check()(request);
  const std::string metrics = harness->send("GET", "/metrics")->wait_done().body;
  for (
      const std::string_view line :
      {R"(requests_total{endpoint="completions",error_type="unauthorized",model="unknown",request_type="unary",status="error"} 1)",
       R"(requests_total{endpoint="completions",error_type="rate_limit",model="unknown",request_type="unary",status="error"} 1)",
       R"(reason="requests_per_minute"} 1)"}) {
    EXPECT_TRUE(metrics.contains(line)) << line;
  }
}

TEST_F(Tenants, a_key_that_is_taken_away_ends_no_running_request) {
  serve({}, never_ends());
  const auto running = start("key-a1", R"(,"stream":true)");
  ASSERT_TRUE(running->wait_for([](const Recorded& r) { return !r.body.empty(); }));
  AccessConfig newer = tenant_is({});
  newer.keys.erase(newer.keys.begin());
  harness->access().replace(newer);
  EXPECT_EQ(ask("key-a1").status, 401);
  EXPECT_TRUE(running->wait_for([](const Recorded& r) { return !r.is_done; }));
  running->disconnect();
}

}  // namespace
}  // namespace penstock::frontend
