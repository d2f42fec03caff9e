// Whatever a body holds: an answer, soon, of a status that fits, in a form that a client can read;
// never a 500, and nothing left behind.
//
//   PENSTOCK_FUZZ_REQUESTS=100000 frontend_fuzz_test      (5,000 without it)
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "base/check.h"
#include "fuzz_bodies.h"
#include "harness.h"

namespace penstock::frontend {
namespace {

using openai::FieldTable;
using text::Json;

constexpr std::size_t kAtOnce = 8;
constexpr std::size_t kPerServer = 2000;

std::size_t num_requests() {
  const char* given = std::getenv("PENSTOCK_FUZZ_REQUESTS");
  return given == nullptr ? 5000 : std::strtoull(given, nullptr, 10);
}

// A few tokens, and what of the prompt was asked for.
FakeWorker::Script answer_of(const rpc::Submit& submit, std::uint32_t sequence) {
  std::mt19937 random(sequence + static_cast<std::uint32_t>(submit.token_ids.size()));
  rpc::Output first = tokens({static_cast<rpc::TokenId>(random() % 256), 'b'});
  if (submit.logprobs >= 0) first.logprobs = {{-1.0F, 0, {}}, {-2.0F, 1, {{'c', -1.0F}}}};
  if (submit.prompt_logprobs >= 0) first.prompt_logprobs.resize(submit.token_ids.size() - 1);
  return {std::move(first), random() % 2 == 0 ? stop_at(kImEnd) : finish(rpc::FinishKind::kLength)};
}

net::HttpHeaders random_headers(std::mt19937_64& random) {
  constexpr std::string_view kNames[] = {
      "x-request-id",        "x-penstock-timeout-ms", "x-penstock-deadline-ms",
      "x-penstock-priority", "content-type",          "x-dynamo-request-strict-priority",
      "x-penstock-dp-rank",  "content-encoding",      "traceparent"};
  constexpr std::string_view kValues[] = {"",
                                          "1",
                                          "-1",
                                          "99999999999999999999",
                                          "abc",
                                          "a b",
                                          "0",
                                          "é",
                                          "1e3",
                                          "application/json",
                                          "identity",
                                          "\xFF\xC3",
                                          "18446744073709551615"};
  net::HttpHeaders headers;
  if (random() % 8 != 0) return headers;
  headers.push_back({std::string(kNames[random() % std::size(kNames)]),
                     std::string(kValues[random() % std::size(kValues)])});
  return headers;
}

void expect_error_object(const Recorded& answer) {
  const auto body = text::parse_json(answer.body);
  ASSERT_TRUE(body) << answer.body;
  const Json* error = body->find("error");
  ASSERT_NE(error, nullptr) << answer.body;
  ASSERT_EQ(error->as_object().size(), 4u);
  EXPECT_FALSE(error->find("message")->as_string().empty());
  EXPECT_LT(error->find("message")->as_string().size(), 4096u) << "no echo of a huge value";
  const std::string& code = error->find("code")->as_string();
  bool is_known = false;
  for (std::size_t i = 0; i < openai::kNumApiErrorCodes; ++i) {
    const auto& row = openai::row_of(static_cast<openai::ApiErrorCode>(i));
    if (row.name != code) continue;
    is_known = true;
    EXPECT_EQ(row.status, answer.status) << code;
    EXPECT_EQ(row.type, error->find("type")->as_string());
  }
  EXPECT_TRUE(is_known) << code;
}

void expect_good_answer(const Recorded& answer) {
  if (!answer.is_stream) {
    const auto body = text::parse_json(answer.body);
    ASSERT_TRUE(body) << answer.body;
    EXPECT_FALSE(body->find("choices")->as_array().empty());
    return;
  }
  const auto frames = frames_of(answer.body);
  EXPECT_EQ(frames.back().data, "[DONE]");
  for (const Frame& frame : frames) {
    if (frame.data != "[DONE]") {
      EXPECT_TRUE(text::parse_json(frame.data)) << frame.data;
    }
  }
}

struct Sent {
  std::shared_ptr<FakeExchange> exchange;
  std::string shown;
};

class Fuzz {
 public:
  Fuzz() : chat_bodies_(chat_, 1), completion_bodies_(completions_, 2) {}

  // One server, `n` requests, a few at a time.
  void run(std::size_t n) {
    FrontendOptions options;
    options.allow_request_template = true;
    options.unknown_fields =
        random_() % 2 == 0 ? openai::UnknownFields::kIgnore : openai::UnknownFields::kReject;
    Harness harness(answer_of, std::move(options));
    for (std::size_t done = 0; done < n && !::testing::Test::HasFailure(); done += kAtOnce) {
      std::vector<Sent> batch;
      for (std::size_t i = 0; i < kAtOnce; ++i) batch.push_back(send(harness));
      for (const Sent& sent : batch) check(sent);
      ASSERT_TRUE(Harness::eventually([&] { return harness.ledger().is_empty(); }))
          << harness.ledger_text();
    }
  }

  std::size_t num_good() const { return statuses_.count(200); }
  const std::multiset<int>& statuses() const { return statuses_; }

 private:
  Sent send(Harness& harness) {
    const bool is_chat = random_() % 2 == 0;
    std::string body = is_chat ? chat_bodies_.next() : completion_bodies_.next();
    std::string shown = openai::clipped(body, 600);
    // Now and then a body of one API goes to the other.
    const bool to_chat = is_chat != (random_() % 16 == 0);
    return {harness.send("POST", to_chat ? "/v1/chat/completions" : "/v1/completions",
                         std::move(body), random_headers(random_)),
            std::move(shown)};
  }

  void check(const Sent& sent) {
    SCOPED_TRACE(sent.shown);
    const Recorded answer = sent.exchange->wait_done();
    ASSERT_TRUE(answer.is_done) << "no answer in time";
    statuses_.insert(answer.status);
    static const std::set<int> kAllowed = {200, 400, 404, 415, 504};
    ASSERT_TRUE(kAllowed.contains(answer.status)) << answer.status << " " << answer.body;
    answer.status == 200 ? expect_good_answer(answer) : expect_error_object(answer);
  }

  const FieldTable chat_ = FieldTable::chat({.max_n = 16, .allow_request_template = true});
  const FieldTable completions_ = FieldTable::completions({});
  FuzzBodies chat_bodies_;
  FuzzBodies completion_bodies_;
  std::mt19937_64 random_{3};
  std::multiset<int> statuses_;
};

TEST(FuzzRequests, every_body_gets_an_answer_that_fits) {
  const std::size_t wanted = num_requests();
  Fuzz fuzz;
  for (std::size_t done = 0; done < wanted && !HasFailure(); done += kPerServer) {
    fuzz.run(std::min(kPerServer, wanted - done));
  }
  EXPECT_EQ(bug_count(), 0u);
  EXPECT_GT(fuzz.num_good(), wanted / 20) << "most bodies are broken, not all";
  EXPECT_GT(fuzz.statuses().count(400), wanted / 4);
}

}  // namespace
}  // namespace penstock::frontend
