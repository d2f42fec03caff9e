// Routes, ids and the answers that need no worker.
#include <gtest/gtest.h>

#include <atomic>

#include "harness.h"

namespace penstock::frontend {
namespace {

FakeWorker::Scripter says_x() {
  return [](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens({'x'}), stop_at(kImEnd)};
  };
}

class Service : public ::testing::Test {
 protected:
  Recorded get(std::string path) { return harness.send("GET", std::move(path))->wait_done(); }
  Recorded post(std::string body, net::HttpHeaders headers = {}) {
    return harness.send("POST", "/v1/completions", std::move(body), std::move(headers))
        ->wait_done();
  }
  Harness harness{says_x()};
};

TEST_F(Service, unknown_paths_and_wrong_methods_are_told_apart) {
  EXPECT_EQ(error_of(get("/v2/nothing")), "404 unknown_url null");
  const Recorded wrong = get("/v1/completions");
  EXPECT_EQ(error_of(wrong), "405 method_not_allowed null");
  EXPECT_EQ(wrong.header("allow"), "POST");
  EXPECT_EQ(harness.send("POST", "/v1/models")->wait_done().header("allow"), "GET, HEAD");
}

TEST_F(Service, routes_that_are_not_built_say_so) {
  for (const char* path :
       {"/v1/responses", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens"}) {
    const Recorded answer = harness.send("POST", path, "{}")->wait_done();
    EXPECT_EQ(error_of(answer), "400 unsupported_for_model null") << path;
    EXPECT_TRUE(answer.body.contains("not built")) << path;
  }
}

TEST_F(Service, lists_models_by_name_and_finds_them_by_alias) {
  EXPECT_EQ(get("/v1/models").body,
            R"({"object":"list","data":[{"id":"tiny","object":"model","created":1700000000,)"
            R"("owned_by":"penstock","max_model_len":512}]})");
  EXPECT_EQ(get("/v1/models/tiny-alias").status, 200);
  EXPECT_EQ(error_of(get("/v1/models/other")), "404 model_not_found model");
  EXPECT_EQ(harness.send("HEAD", "/v1/models")->wait_done().status, 200);
}

TEST_F(Service, health_follows_readiness) {
  EXPECT_EQ(get("/live").status, 200);
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(get("/ready?model=tiny").status, 200);
  EXPECT_EQ(get("/ready?model=other").status, 503);
  EXPECT_EQ(json_of(get("/health")).find("status")->as_string(), "healthy");
  harness.frontend().begin_drain();
  EXPECT_EQ(get("/ready").status, 503);
  const Recorded health = get("/health");
  EXPECT_EQ(health.status, 503);
  EXPECT_TRUE(json_of(health).find("draining")->as_bool());
}

TEST(Stall, a_stuck_engine_is_neither_live_nor_ready_until_it_goes_on) {
  std::atomic<bool> is_stuck = true;
  Harness harness(says_x(), {}, [&]() -> std::optional<WorkerStall> {
    if (!is_stuck) return std::nullopt;
    return WorkerStall{.phase = "forward", .age = std::chrono::milliseconds(12'345)};
  });
  const auto get = [&](std::string path) {
    return harness.send("GET", std::move(path))->wait_done();
  };
  const Recorded live = get("/live");
  EXPECT_EQ(live.status, 503);
  EXPECT_EQ(live.body, R"({"status":"stalled","model":"tiny","phase":"forward","age_ms":12345})");
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_EQ(get("/health").status, 503);
  EXPECT_TRUE(get("/health").body.contains(R"("tiny":{"ready":false,"workers":{"agg":0}})"));
  EXPECT_TRUE(get("/metrics").body.contains(R"(model_ready{model="tiny"} 0)"));
  EXPECT_EQ(harness.complete()->wait_done().status, 503) << "nothing is placed there";
  is_stuck = false;
  EXPECT_EQ(get("/live").status, 200);
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_EQ(harness.complete()->wait_done().status, 200);
}

TEST_F(Service, every_answer_carries_its_ids) {
  const Recorded sent = post(R"({"model":"tiny","prompt":"a"})", {{"x-request-id", "abc-1"}});
  EXPECT_EQ(sent.header("x-request-id"), "abc-1");
  const std::string own = sent.header("x-penstock-request-id");
  ASSERT_EQ(own.size(), 36u);
  EXPECT_EQ(own[14], '7') << "a UUID of version 7";
  const Recorded minted = get("/nowhere");
  EXPECT_EQ(minted.header("x-request-id"), minted.header("x-penstock-request-id"));
  EXPECT_NE(minted.header("x-request-id"), own);
}

TEST_F(Service, errors_of_the_request_name_their_place) {
  EXPECT_EQ(error_of(post("{")), "400 invalid_json null");
  EXPECT_EQ(error_of(post(R"({"model":"nope","prompt":"a"})")), "404 model_not_found model");
  EXPECT_EQ(error_of(post(R"({"model":"tiny","prompt":[259]})")), "400 invalid_value prompt[0]");
  EXPECT_EQ(error_of(post(R"({"model":"tiny","prompt":[[1],[300]]})")),
            "400 invalid_value prompt[1][0]");
  EXPECT_EQ(error_of(post(R"({"model":"tiny","prompt":"a","stop_token_ids":[1,900]})")),
            "400 invalid_value stop_token_ids[1]");
  EXPECT_EQ(error_of(post(R"({"model":"tiny","prompt":"a","logit_bias":{"900":1}})")),
            "400 invalid_value logit_bias.900");
  EXPECT_EQ(error_of(post("{}", {{"content-type", "text/plain"}})),
            "415 unsupported_media_type content-type");
  EXPECT_EQ(error_of(post("{}", {{"content-encoding", "gzip"}})),
            "415 unsupported_media_type content-encoding");
}

TEST_F(Service, a_prompt_over_the_context_names_both_numbers) {
  const std::string prompt(600, 'a');
  const Recorded over = post(R"({"model":"tiny","prompt":")" + prompt + "\"}");
  EXPECT_EQ(error_of(over), "400 context_length_exceeded prompt");
  EXPECT_TRUE(over.body.contains("600") && over.body.contains("512")) << over.body;
  const Recorded sum = post(R"({"model":"tiny","prompt":"abc","max_tokens":510})");
  EXPECT_EQ(error_of(sum), "400 context_length_exceeded max_tokens");
  EXPECT_TRUE(sum.body.contains("513")) << sum.body;
  EXPECT_EQ(post(R"({"model":"tiny","prompt":"abc","max_tokens":509})").status, 200);
  EXPECT_EQ(post(R"({"model":"tiny","prompt":")" + std::string(511, 'a') + "\"}").status, 200)
      << "the default of 16 gives way to the context";
}

TEST_F(Service, ignored_fields_are_named_safely) {
  const Recorded answer =
      post(R"({"model":"tiny","prompt":"a","zeta":1,"evil\r\nset-cookie: x":2})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("x-penstock-ignored"), "zeta,evil??set-cookie??x");
}

TEST_F(Service, template_fields_that_the_template_does_not_read_are_ignored_by_name) {
  const Recorded answer = harness.chat(R"(,"reasoning_effort":"low")")->wait_done();
  EXPECT_EQ(answer.header("x-penstock-ignored"), "reasoning_effort");
}

TEST_F(Service, counts_what_happened) {
  (void)post(R"({"model":"tiny","prompt":"abc"})");
  (void)post(R"({"model":"nope","prompt":"abc"})");
  const std::string text = get("/metrics").body;
  const std::string prefix = "penstock_frontend_";
  for (
      const std::string_view line :
      {R"(requests_total{endpoint="completions",error_type="",model="tiny",request_type="unary",status="success"} 1)",
       R"(requests_total{endpoint="completions",error_type="not_found",model="unknown",request_type="unary",status="error"} 1)",
       R"(requests_started_total{endpoint="completions",model="tiny",request_type="unary"} 1)",
       R"(output_tokens_total{model="tiny"} 2)", R"(model_ready{model="tiny"} 1)",
       R"(active_requests{model="tiny"} 0)", R"(queued_requests{model="tiny"} 0)",
       R"(model_context_length{model="tiny"} 512)",
       R"(time_to_first_token_seconds_count{model="tiny"} 1)",
       R"(stage_duration_seconds_count{stage="tokenize"} 1)"}) {
    EXPECT_TRUE(text.contains(prefix + std::string(line))) << line;
  }
}

}  // namespace
}  // namespace penstock::frontend
