// The error table of the API, row by row: each is produced once, with exactly its status, type,
// code and param, with words that help, and, where the server is at fault, with no word of how.
#include <gtest/gtest.h>

#include <set>

#include "frontend/error_response.h"
#include "harness.h"

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using text::Json;

// What a worker may say to us and we never to a client.
constexpr std::string_view kInternals = "/srv/model.gguf at 10.0.0.7: step 12 of thread engine";

struct Expected {
  ApiErrorCode code{};
  int status = 0;
  std::string_view type;
  std::string param;                      // "null" where there is none
  std::vector<std::string_view> words{};  // that the message has: value, limit, remedy
  std::string_view retry_after{};
};

class ErrorTable : public ::testing::Test {
 protected:
  // Of every test in this file.
  static std::set<ApiErrorCode>& produced() {
    static std::set<ApiErrorCode> codes;
    return codes;
  }

  static void expect(const Recorded& answer, const Expected& expected) {
    produced().insert(expected.code);
    const std::string name(openai::row_of(expected.code).name);
    EXPECT_EQ(answer.status, expected.status) << answer.body;
    expect_object(json_of(answer), expected);
    EXPECT_EQ(answer.header("retry-after"), expected.retry_after) << name;
    EXPECT_EQ(answer.header("content-type"), "application/json");
    EXPECT_FALSE(answer.header("x-request-id").empty()) << name;
    EXPECT_FALSE(answer.header("x-penstock-request-id").empty()) << name;
  }

  static void expect_object(const Json& body, const Expected& expected) {
    const Json* error = body.find("error");
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(error->as_object().size(), 4u);
    EXPECT_EQ(error->find("code")->as_string(), openai::row_of(expected.code).name);
    EXPECT_EQ(error->find("type")->as_string(), expected.type);
    const Json& param = *error->find("param");
    EXPECT_EQ(param.is_null() ? "null" : param.as_string(), expected.param);
    const std::string& message = error->find("message")->as_string();
    EXPECT_GT(message.size(), 10u);
    for (const std::string_view word : expected.words) {
      EXPECT_TRUE(message.contains(word)) << word << " is not in: " << message;
    }
    if (expected.status < 500) return;
    for (const std::string_view internal : {"/", "10.0.0.7", "engine", "gguf", "CHECK", "0x"}) {
      EXPECT_FALSE(message.contains(internal)) << message;
    }
  }

  static FakeWorker::Scripter says_x() {
    return [](const rpc::Submit&, std::uint32_t) {
      return FakeWorker::Script{tokens({'x'}), stop_at(kImEnd)};
    };
  }
  static FakeWorker::Scripter says_nothing() {
    return [](const rpc::Submit&, std::uint32_t) { return FakeWorker::Script{}; };
  }
  static FakeWorker::Scripter fails(rpc::WorkerErrorCode code, std::string message) {
    return [code, message](const rpc::Submit&, std::uint32_t) {
      return FakeWorker::Script{worker_error(code, message)};
    };
  }
  static Recorded failing(rpc::WorkerErrorCode code, std::string message) {
    Harness harness(fails(code, std::move(message)));
    return harness.complete()->wait_done();
  }
};

TEST_F(ErrorTable, requests_that_are_wrong) {
  Harness harness(says_x());
  constexpr std::string_view kType = "invalid_request_error";
  const auto completion = [&](const std::string& body, net::HttpHeaders headers = {}) {
    return harness.send("POST", "/v1/completions", body, std::move(headers))->wait_done();
  };
  expect(completion("{\"model\": tiny}"),
         {ApiErrorCode::kInvalidJson, 400, kType, "null", {"line 1", "column"}});
  expect(completion("{\"model\":\"tiny\",\"prompt\":\"\xFF\"}"),
         {ApiErrorCode::kInvalidJson, 400, kType, "null", {"byte 26", "UTF-8"}});
  expect(
      harness.complete(R"(,"temperature":3)")->wait_done(),
      {ApiErrorCode::kInvalidValue, 400, kType, "temperature", {"3", "at least 0", "at most 2"}});
  expect(harness.chat(R"(,"max_tokens":5,"max_completion_tokens":6)")->wait_done(),
         {ApiErrorCode::kInvalidValue, 400, kType, "max_tokens", {"5", "6", "one of them"}});
  expect(completion(R"({"prompt":"a"})"),
         {ApiErrorCode::kMissingParameter, 400, kType, "model", {"required"}});
  expect(harness.chat(R"(,"penstock":{"agent_hints":{"made_up":1}})")->wait_done(),
         {ApiErrorCode::kUnknownParameter,
          400,
          kType,
          "penstock.agent_hints.made_up",
          {"leave it out", "priority"}});
  expect(harness.chat(R"(,"functions":[])")->wait_done(),
         {ApiErrorCode::kUnsupportedParameter, 400, kType, "functions", {"use tools"}});
  expect(harness.chat(R"(,"penstock":{"annotations":["query_instance_id"]},"stream":true)")
             ->wait_done(),
         {ApiErrorCode::kUnsupportedParameter,
          400,
          kType,
          "penstock.annotations[0]",
          {"query_instance_id", "not built yet", "token_ids"}});
  expect(harness
             .send("POST", "/v1/chat/completions",
                   R"({"model":"tiny","messages":[{"role":"user","content":"a"},)"
                   R"({"role":"user","content":[{"type":"image_url","image_url":{}}]}]})")
             ->wait_done(),
         {ApiErrorCode::kUnsupportedContent,
          400,
          kType,
          "messages[1].content[0].type",
          {"image_url", "text"}});
  expect(harness.send("POST", "/v1/embeddings", "{}")->wait_done(),
         {ApiErrorCode::kUnsupportedForModel, 400, kType, "null", {"not built"}});
}

TEST_F(ErrorTable, requests_that_do_not_fit) {
  Harness harness(says_x());
  constexpr std::string_view kType = "invalid_request_error";
  const auto prompt = [&](std::size_t size, const std::string& more) {
    return harness
        .send("POST", "/v1/completions",
              R"({"model":"tiny","prompt":")" + std::string(size, 'a') + "\"" + more + "}")
        ->wait_done();
  };
  expect(prompt(512, ""), {ApiErrorCode::kContextLengthExceeded,
                           400,
                           kType,
                           "prompt",
                           {"512 tokens", "at most 511", "shorten"}});
  expect(prompt(10, R"(,"max_tokens":503)"), {ApiErrorCode::kContextLengthExceeded,
                                              400,
                                              kType,
                                              "max_tokens",
                                              {"10 tokens", "503", "513", "512"}});
  expect(
      failing(rpc::WorkerErrorCode::kKvCapacity, "the request needs 40 KV blocks; the pool has 32"),
      {ApiErrorCode::kKvCapacityExceeded, 400, kType, "null", {"40", "32"}});
  expect(failing(rpc::WorkerErrorCode::kGrammar, "the keyword 'not' at /a is not supported"),
         {ApiErrorCode::kInvalidSchema, 400, kType, "null", {"/a"}});
  expect(failing(rpc::WorkerErrorCode::kInvalid, "logit_bias leaves no token"),
         {ApiErrorCode::kInvalidValue, 400, kType, "null", {"logit_bias"}});
}

TEST_F(ErrorTable, places_and_forms_that_are_wrong) {
  Harness harness(says_x());
  constexpr std::string_view kType = "invalid_request_error";
  expect(harness.send("POST", "/v1/completions", R"({"model":"other","prompt":"a"})")->wait_done(),
         {ApiErrorCode::kModelNotFound, 404, kType, "model", {"other", "/v1/models"}});
  expect(harness.send("GET", "/v2")->wait_done(),
         {ApiErrorCode::kUnknownUrl, 404, kType, "null", {"/v2", "/v1"}});
  const Recorded wrong = harness.send("DELETE", "/v1/completions")->wait_done();
  expect(wrong, {ApiErrorCode::kMethodNotAllowed, 405, kType, "null", {"DELETE", "POST"}});
  EXPECT_EQ(wrong.header("allow"), "POST");
  expect(harness.send("POST", "/v1/completions", "{}", {{"content-type", "text/csv"}})->wait_done(),
         {ApiErrorCode::kUnsupportedMediaType,
          415,
          kType,
          "content-type",
          {"text/csv", "application/json"}});
  expect(harness.send("POST", "/v1/completions", "{}", {{"x-penstock-timeout-ms", "soon"}})
             ->wait_done(),
         {ApiErrorCode::kInvalidValue, 400, kType, "x-penstock-timeout-ms", {"soon", "integer"}});
}

// What the HTTP server refuses before a request is one takes its body from the same table.
TEST_F(ErrorTable, what_the_server_refuses_by_itself) {
  Harness harness(says_x());
  const net::HttpErrorBody body_of = harness.frontend().error_body();
  for (const auto& [status, code] : {std::pair(408, ApiErrorCode::kRequestTimeout),
                                     std::pair(413, ApiErrorCode::kRequestTooLarge),
                                     std::pair(431, ApiErrorCode::kHeadersTooLarge)}) {
    const net::HttpResponse response = body_of(status, "the body has 70 MB; at most 64 are taken");
    Recorded answer;
    answer.status = response.status;
    answer.headers = response.headers;
    answer.body = response.body;
    expect(answer, {code, status, "invalid_request_error", "null", {"70", "64"}});
  }
}

TEST_F(ErrorTable, overload_has_the_operator_s_status_and_the_rule_s_name) {
  for (const int status : {429, 503, 529}) {
    FrontendOptions options;
    options.overload_status = status;
    options.max_inflight = 1;
    Harness harness(says_nothing(), std::move(options));
    const auto running = harness.complete(R"(,"max_tokens":5)");
    ASSERT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 1; }));
    expect(harness.complete()->wait_done(), {ApiErrorCode::kOverloaded,
                                             status,
                                             "overloaded_error",
                                             "max_inflight",
                                             {"1 ", "later"},
                                             "1"});
    running->disconnect();
  }
  expect(failing(rpc::WorkerErrorCode::kOverloaded, std::string(kInternals)),
         {ApiErrorCode::kOverloaded, 429, "overloaded_error", "worker_queue", {"later"}, "1"});
}

TEST_F(ErrorTable, a_server_without_worker_or_time) {
  constexpr std::string_view kType = "server_error";
  {
    Harness harness(says_nothing());
    const auto cut = harness.complete(R"(,"max_tokens":5)");
    ASSERT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 1; }));
    harness.worker().die();
    expect(cut->wait_done(), {ApiErrorCode::kWorkerLost, 503, kType, "null", {"again"}, "1"});
    expect(harness.complete()->wait_done(),
           {ApiErrorCode::kNoReadyWorker, 503, kType, "null", {"later"}, "5"});
  }
  expect(failing(rpc::WorkerErrorCode::kInternal, std::string(kInternals)),
         {ApiErrorCode::kWorkerLost, 503, kType, "null", {"again"}, "1"});
  expect(failing(rpc::WorkerErrorCode::kSlowConsumer, std::string(kInternals)),
         {ApiErrorCode::kSlowConsumer, 503, kType, "null"});
  Harness harness(says_nothing());
  const auto late = harness.complete(R"(,"max_tokens":5)");
  ASSERT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 1; }));
  harness.clock().advance(std::chrono::seconds(601));
  late->fire_timer();
  expect(late->wait_done(), {ApiErrorCode::kDeadlineExceeded,
                             504,
                             "timeout_error",
                             "null",
                             {"phase queue", "x-penstock-timeout-ms"}});
  expect(harness
             .send("POST", "/v1/completions", R"({"model":"tiny","prompt":"a"})",
                   {{"x-penstock-deadline-ms", "-5"}})
             ->wait_done(),
         {ApiErrorCode::kDeadlineExceeded, 504, "timeout_error", "null", {"phase tokenize"}});
  harness.frontend().begin_drain();
  expect(harness.complete()->wait_done(),
         {ApiErrorCode::kDraining, 503, kType, "null", {"another"}});
}

// A body can break nothing, so the bug is played: the server itself reports one.
TEST_F(ErrorTable, a_bug_names_the_request_and_nothing_else) {
  const openai::ApiError error = internal_error("0190-id");
  expect_object(text::parse_json(openai::error_body(error)).value(),
                {ApiErrorCode::kInternalError, 500, "server_error", "null", {"0190-id"}});
  produced().insert(error.code);
  EXPECT_EQ(openai::row_of(error.code).status, 500);
}

TEST_F(ErrorTable, after_the_head_the_same_object_travels_as_an_event) {
  Harness harness([](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{
        tokens({'x'}), worker_error(rpc::WorkerErrorCode::kInternal, std::string(kInternals))};
  });
  const Recorded answer = harness.complete(R"(,"stream":true,"max_tokens":9)")->wait_done();
  EXPECT_EQ(answer.status, 200);
  const auto frames = frames_of(answer.body);
  EXPECT_EQ(frames.back().event, "error");
  EXPECT_EQ(std::ranges::count(frames, "error", &Frame::event), 1);
  EXPECT_FALSE(answer.body.contains("[DONE]"));
  expect_object(text::parse_json(frames.back().data).value(),
                {ApiErrorCode::kWorkerLost, 503, "server_error", "null", {"again"}});
}

// Needs the tests above: run with them, as the whole file does.
TEST_F(ErrorTable, every_row_in_scope_was_produced) {
  if (produced().empty()) GTEST_SKIP() << "run with the other tests of the table";
  const std::set<ApiErrorCode> elsewhere = {
      ApiErrorCode::kInvalidApiKey, ApiErrorCode::kRoutingNotAllowed,
      ApiErrorCode::kRateLimitExceeded,     // keys, tenants and their limits
      ApiErrorCode::kClientClosedRequest};  // nobody is left to read it
  for (std::size_t i = 0; i < openai::kNumApiErrorCodes; ++i) {
    const auto code = static_cast<ApiErrorCode>(i);
    EXPECT_TRUE(produced().contains(code) || elsewhere.contains(code)) << openai::row_of(code).name;
  }
}

}  // namespace
}  // namespace penstock::frontend
