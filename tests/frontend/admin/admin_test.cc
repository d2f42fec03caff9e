// The admin port over a scripted worker: what it shows, what it does, whom it answers.
#include "frontend/admin/admin.h"

#include <gtest/gtest.h>

#include "tests/frontend/harness.h"

namespace penstock::frontend {
namespace {

using std::chrono::milliseconds;
using text::Json;

FakeWorker::Scripter says_x() {
  return [](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens({'x'}), stop_at(kImEnd)};
  };
}

class AdminPort : public ::testing::Test {
 protected:
  void serve(AdminOptions options = {}, FakeWorker::Scripter scripter = says_x(),
             std::optional<AccessConfig> keys = {}, FrontendOptions frontend = {}) {
    harness.emplace(std::move(scripter), std::move(frontend), Harness::FindStall{},
                    make_byte_tokenizer(), std::move(keys));
    admin.emplace(std::move(options), harness->frontend().admin_view());
  }
  std::shared_ptr<FakeExchange> start(std::string method, std::string path, std::string body = "",
                                      net::HttpHeaders headers = {}) {
    net::HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.body = std::move(body);
    request.headers = std::move(headers);
    if (const auto mark = request.path.find('?'); mark != std::string::npos) {
      request.query = request.path.substr(mark + 1);
      request.path.resize(mark);
    }
    return harness->send_to(admin->handler(), std::move(request));
  }
  Recorded ask(std::string method, std::string path, std::string body = "",
               net::HttpHeaders headers = {}) {
    return start(std::move(method), std::move(path), std::move(body), std::move(headers))
        ->wait_done();
  }
  Json get(std::string path) {
    const Recorded answer = ask("GET", std::move(path));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json_of(answer);
  }

  std::optional<Harness> harness;
  std::optional<Admin> admin;
};

TEST_F(AdminPort, a_token_is_needed_where_one_is_set) {
  serve({.token = sha256("operator-token")});
  for (const char* sent :
       {"", "Bearer wrong", "Bearer operator-token2", "Basic operator-token", "operator-token"}) {
    const Recorded answer = ask("GET", "/workers", "", {{"authorization", sent}});
    EXPECT_EQ(error_of(answer), "401 invalid_api_key null") << sent;
    EXPECT_EQ(answer.header("www-authenticate"), "Bearer");
    EXPECT_FALSE(answer.body.contains("operator-token"));
  }
  EXPECT_EQ(ask("GET", "/live").status, 401);
  const net::HttpHeaders good = {{"authorization", "Bearer operator-token"},
                                 {"origin", "https://x"}};
  EXPECT_EQ(ask("GET", "/workers", "", good).status, 200);
  net::HttpRequest request;
  EXPECT_TRUE(admin->header_check()(request)) << "before the body is read";
  request.headers = good;
  EXPECT_FALSE(admin->header_check()(request));
}

TEST_F(AdminPort, without_a_token_no_web_page_is_answered) {
  serve();
  EXPECT_EQ(ask("POST", "/clear_kv_blocks", "", {{"origin", "https://evil.example"}}).status, 401);
  EXPECT_EQ(ask("GET", "/config", "", {{"host", "rebound.example:8001"}}).status, 401);
  for (const char* host : {"127.0.0.1:8001", "localhost:8001", "localhost", "[::1]:8001"}) {
    EXPECT_EQ(ask("GET", "/workers", "", {{"host", host}}).status, 200) << host;
  }
}

TEST_F(AdminPort, shows_health_and_metrics_even_where_the_public_port_does_not) {
  FrontendOptions options;
  options.http_metrics = false;
  serve({}, says_x(), {}, std::move(options));
  for (const char* path : {"/live", "/ready", "/health", "/metrics"}) {
    EXPECT_EQ(ask("GET", path).status, 200) << path;
  }
  EXPECT_TRUE(ask("GET", "/metrics").body.contains("model_ready"));
  const Recorded moved = harness->send("GET", "/metrics")->wait_done();
  EXPECT_EQ(moved.status, 404);
  EXPECT_TRUE(moved.body.contains("admin port")) << moved.body;
}

TEST_F(AdminPort, lists_workers_with_state_digests_and_load) {
  serve();
  rpc::StepOutputs step;
  step.load.seq = 1;
  step.load.running = 3;
  step.load.kv_blocks_cached = 17;
  harness->worker().send(step);
  const Json worker = get("/workers/1");
  EXPECT_EQ(*worker.find("state"), Json("ready"));
  EXPECT_EQ(*worker.find("model"), Json("tiny"));
  EXPECT_EQ(*worker.find("digests")->find("model"), Json("sha256:0123456789abcdef"));
  EXPECT_EQ(*worker.find("load")->find("running"), Json(3));
  EXPECT_EQ(*worker.find("load")->find("kv_blocks_cached"), Json(17));
  EXPECT_EQ(get("/workers").find("workers")->as_array().at(0), worker);
  EXPECT_EQ(error_of(ask("GET", "/workers/7")), "404 unknown_url worker_id");
  EXPECT_EQ(error_of(ask("GET", "/workers/x")), "400 invalid_value worker_id");
  harness->worker().send(rpc::GoAway{.reason = "drain"});
  EXPECT_EQ(*get("/workers/1").find("state"), Json("draining"));
  harness->worker().send(rpc::ComeBack{});
  EXPECT_EQ(*get("/workers/1").find("state"), Json("ready"));
  harness->worker().die();
  EXPECT_EQ(*get("/workers/1").find("state"), Json("fenced"));
}

TEST_F(AdminPort, drains_a_worker_and_takes_it_back) {
  serve();
  EXPECT_EQ(ask("POST", "/workers/1/drain").status, 202);
  EXPECT_EQ(ask("POST", "/workers/1/resume", "{}").status, 202);
  EXPECT_EQ(harness->told(), "drain resume ");
  EXPECT_EQ(error_of(ask("POST", "/workers/1/drain", R"({"timeout_ms":5})")),
            "400 unsupported_parameter timeout_ms");
  EXPECT_EQ(error_of(ask("POST", "/workers/1/drain", R"({"speed":5})")),
            "400 unknown_parameter speed");
  EXPECT_EQ(error_of(ask("POST", "/workers/1/drain", "[")), "400 invalid_json null");
  EXPECT_EQ(error_of(ask("POST", "/workers/2/drain")), "404 unknown_url worker_id");
  EXPECT_EQ(harness->told(), "drain resume ");
}

TEST_F(AdminPort, clears_prefix_caches_by_worker_and_model) {
  serve();
  const std::string done = R"({"cleared":[{"worker_id":1,"freed_blocks":5}],"failed":[]})";
  for (const char* body : {"", "{}", R"({"worker_id":1})", R"({"model":"tiny-alias"})",
                           R"({"worker_id":1,"model":"tiny"})", R"({"worker_id":null})"}) {
    EXPECT_EQ(ask("POST", "/clear_kv_blocks", body).body, done) << body;
  }
  for (const char* body : {R"({"worker_id":2})", R"({"model":"other"})", R"({"worker_id":-1})"}) {
    EXPECT_EQ(error_of(ask("POST", "/clear_kv_blocks", body)), "400 invalid_value worker_id");
  }
  EXPECT_EQ(error_of(ask("POST", "/clear_kv_blocks", R"({"model":7})")), "400 invalid_value model");
}

TEST_F(AdminPort, a_worker_that_does_not_answer_a_clear_is_named) {
  serve();
  harness->worker().ignore_clears();
  const auto silent = start("POST", "/clear_kv_blocks");
  silent->fire_timer();
  EXPECT_EQ(silent->wait_done().body,
            R"({"cleared":[],"failed":[{"worker_id":1,"error":"no answer came within 10 s"}]})");
  const auto lost = start("POST", "/clear_kv_blocks");
  ASSERT_TRUE(lost->wait_for([](const Recorded& r) { return !r.is_done; }));
  harness->worker().die();
  EXPECT_TRUE(lost->wait_done().body.contains("gone"));
}

TEST_F(AdminPort, explains_a_request_by_either_of_its_ids) {
  serve();
  const Recorded answer =
      harness
          ->send("POST", "/v1/completions", R"({"model":"tiny","prompt":"hi","n":2})",
                 {{"x-request-id", "mine"}, {"x-penstock-priority", "4"}})
          ->wait_done();
  ASSERT_EQ(answer.status, 200);
  const Json record = get("/explain/mine");
  EXPECT_EQ(*record.find("request_id"), Json(answer.header("x-penstock-request-id")));
  EXPECT_EQ(get("/explain/" + answer.header("x-penstock-request-id")), record);
  EXPECT_EQ(*record.find("endpoint"), Json("completions"));
  EXPECT_EQ(*record.find("tenant"), Json("default"));
  EXPECT_EQ(*record.find("model"), Json("tiny"));
  EXPECT_EQ(*record.find("worker_id"), Json(1));
  EXPECT_EQ(*record.find("choices"), Json(2));
  EXPECT_EQ(*record.find("finish"), Json("stop"));
  EXPECT_TRUE(record.find("error")->is_null());
  EXPECT_EQ(*record.find("tokens")->find("prompt"), Json(2));
  EXPECT_EQ(*record.find("tokens")->find("completion"), Json(4));
  EXPECT_EQ(*record.find("priority")->find("asked"), Json(4));
  EXPECT_EQ(error_of(ask("GET", "/explain/never")), "404 unknown_url null");
}

TEST_F(AdminPort, the_phase_clock_adds_up) {
  serve({}, [](const rpc::Submit&, std::uint32_t) {
    rpc::Output first = tokens({'x'});
    first.queue_us = 1500;
    first.prefill_us = 2500;
    return FakeWorker::Script{first};
  });
  const auto request = harness->complete(R"(,"stream":true)");
  ASSERT_TRUE(request->wait_for([](const Recorded& r) { return !r.body.empty(); }));
  harness->clock().advance(milliseconds(7));
  request->disconnect();
  ASSERT_TRUE(Harness::eventually([this] { return harness->frontend().num_in_flight() == 0; }));
  const Json record = get("/explain?last=1").find("records")->as_array().at(0);
  const Json& phases = *record.find("phases_us");
  EXPECT_EQ(*phases.find("queue"), Json(1500));
  EXPECT_EQ(*phases.find("prefill"), Json(2500));
  EXPECT_EQ(*phases.find("first_output"), Json(0));
  EXPECT_EQ(*phases.find("decode"), Json(7000));
  EXPECT_EQ(*phases.find("total"), Json(7000));
  EXPECT_EQ(*record.find("error")->find("code"), Json("client_closed_request"));
  EXPECT_EQ(*record.find("error")->find("phase"), Json("decode"));
  EXPECT_EQ(*record.find("tokens")->find("wasted"), Json(1));
}

TEST_F(AdminPort, explains_errors_of_every_stage_and_the_last_first) {
  AccessConfig keys;
  keys.tenants = {{.name = "t", .share_cache = true, .limits = {.requests_per_minute = 2}}};
  keys.keys = {{.id = "k", .digest = sha256("k"), .tenant = "t"}};
  serve({}, says_x(), keys);
  for (const char* body : {"{", R"({"model":"nope","prompt":"a"})", "{}"}) {
    (void)harness->send("POST", "/v1/completions", body, {{"x-api-key", "k"}})->wait_done();
  }
  const auto records = get("/explain").find("records")->as_array();
  ASSERT_EQ(records.size(), 3U);
  const auto code = [&](std::size_t i) {
    return records[i].find("error")->find("code")->as_string();
  };
  EXPECT_EQ(code(0), "rate_limit_exceeded");
  EXPECT_EQ(code(1), "model_not_found");
  EXPECT_EQ(code(2), "invalid_json");
  EXPECT_EQ(*records[0].find("error")->find("phase"), Json("admit"));
  EXPECT_EQ(*records[0].find("key"), Json("k"));
  EXPECT_EQ(get("/explain?last=1").find("records")->as_array().size(), 1U);
  EXPECT_EQ(error_of(ask("GET", "/explain?last=x")), "400 invalid_value last");
}

TEST_F(AdminPort, an_idle_ledger_has_nothing_to_show_and_a_busy_one_says_who) {
  serve({}, [](const rpc::Submit&, std::uint32_t) { return FakeWorker::Script{tokens({'x'})}; });
  EXPECT_EQ(ask("GET", "/ledger?nonzero=1").body, "{}");
  const auto running = harness->complete();
  ASSERT_TRUE(Harness::eventually([this] { return harness->worker().num_live() == 1; }));
  const Json busy = get("/ledger?nonzero=1");
  EXPECT_EQ(*busy.find("frontend")->find("held")->find("request"), Json(1));
  EXPECT_EQ(busy.find("workers"), nullptr) << "a scripted worker holds nothing";
  running->disconnect();
  ASSERT_TRUE(Harness::eventually([this] { return ask("GET", "/ledger?nonzero=1").body == "{}"; }));
  const Json all = get("/ledger");
  EXPECT_EQ(*all.find("frontend")->find("held")->find("request"), Json(0));
  EXPECT_EQ(*all.find("workers")->as_array().at(0).find("held")->find("blocks"), Json(0));
  EXPECT_EQ(get("/ledger?worker_id=1").find("frontend"), nullptr);
  EXPECT_EQ(error_of(ask("GET", "/ledger?worker_id=9")), "404 unknown_url worker_id");
}

TEST_F(AdminPort, tenants_show_limits_use_and_keys) {
  AccessConfig keys;
  keys.salt_key = "s3cret";
  keys.tenants = {
      {.name = "acme", .limits = {.requests_per_minute = 10, .tokens_per_minute = 100}}};
  keys.keys = {
      {.id = "k", .digest = sha256("the-key"), .tenant = "acme", .expires_unix_s = 2'000'000'000}};
  serve({}, says_x(), keys);
  ASSERT_EQ(harness
                ->send("POST", "/v1/completions", R"({"model":"tiny","prompt":"hi"})",
                       {{"x-api-key", "the-key"}})
                ->wait_done()
                .status,
            200);
  const Recorded answer = ask("GET", "/tenants");
  const Json tenant = json_of(answer).find("tenants")->as_array().at(0);
  EXPECT_EQ(*tenant.find("name"), Json("acme"));
  EXPECT_EQ(*tenant.find("running"), Json(0));
  EXPECT_EQ(*tenant.find("available")->find("requests"), Json(9));
  EXPECT_EQ(*tenant.find("available")->find("tokens"), Json(96));
  EXPECT_TRUE(tenant.find("limits")->find("max_concurrent")->is_null());
  EXPECT_EQ(*tenant.find("usage")->find("requests"), Json(1));
  EXPECT_EQ(*tenant.find("usage")->find("prompt_tokens"), Json(2));
  EXPECT_EQ(*tenant.find("usage")->find("completion_tokens"), Json(2));
  const Json key = tenant.find("keys")->as_array().at(0);
  EXPECT_EQ(*key.find("id"), Json("k"));
  EXPECT_EQ(*key.find("expires"), Json(2'000'000'000));
  EXPECT_EQ(*key.find("usage"), *tenant.find("usage"));
  for (const std::string& secret :
       {std::string("the-key"), std::string("s3cret"), to_hex(sha256("the-key"))}) {
    EXPECT_FALSE(answer.body.contains(secret));
  }
}

TEST_F(AdminPort, shows_the_settings_it_was_given) {
  serve({.token = {}, .config = R"({"settings":{}})"});
  EXPECT_EQ(ask("GET", "/config").body, R"({"settings":{}})");
  EXPECT_EQ(ask("GET", "/config", "", {{"x-request-id", "abc"}}).header("x-request-id"), "abc");
}

}  // namespace
}  // namespace penstock::frontend
