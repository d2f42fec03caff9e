#include "worker/mapping.h"

#include <gtest/gtest.h>

namespace penstock::worker {
namespace {

constexpr MonotonicTime kNow{1'000'000'000};

rpc::Submit good_submit() {
  rpc::Submit submit;
  submit.key.request_id = "r";
  submit.token_ids = {1, 2, 3};
  submit.sequences = {{0, {}}, {1, {7}}};
  submit.max_tokens = 5;
  submit.remaining_us = 2'000;
  submit.sampling.top_k = -1;
  submit.sampling.seed = 9;
  submit.logit_bias = {{4, 1.5F}};
  submit.allowed_token_ids = {5, 6};
  submit.bad_sequences = {{7}, {8, 9}};
  submit.stop_token_ids = {10};
  submit.eos_token_ids = {11};
  submit.ignore_eos = true;
  submit.min_tokens = 2;
  submit.logprobs = 3;
  submit.prompt_logprobs = 0;
  return submit;
}

TEST(ToEngineRequest, carries_every_field_and_measures_the_deadline_from_now) {
  const auto request = to_engine_request(good_submit(), engine::RequestHandle(4), kNow);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->handle.value(), 4U);
  EXPECT_EQ(request->prompt, (std::vector<engine::TokenId>{1, 2, 3}));
  ASSERT_EQ(request->choices.size(), 2U);
  EXPECT_EQ(request->choices[1].generated, std::vector<engine::TokenId>{7});
  EXPECT_EQ(request->deadline, kNow + std::chrono::milliseconds(2));
  EXPECT_EQ(request->sampling.top_k, 0U);
  EXPECT_EQ(request->sampling.seed, 9U);
  using Ids = std::vector<engine::TokenId>;
  EXPECT_EQ(request->logit_bias.at(0), (std::pair<engine::TokenId, float>{4, 1.5F}));
  EXPECT_EQ(request->allowed_token_ids, (Ids{5, 6}));
  EXPECT_EQ(request->bad_sequences, (std::vector<Ids>{{7}, {8, 9}}));
  EXPECT_EQ(request->stop_token_ids, Ids{10});
  EXPECT_EQ(request->eos_token_ids, Ids{11});
  EXPECT_TRUE(request->ignore_eos);
  EXPECT_EQ(request->min_tokens, 2U);
  EXPECT_EQ(request->logprobs, 3);
  EXPECT_EQ(request->prompt_logprobs, 0);
}

// The vectors of the router's hashing scheme: salts of a public request, of the private tenant
// `acme`, and of the same with `cache_salt` proj-x.
TEST(ToEngineRequest, makes_the_hash_seed_of_the_salt) {
  const auto seed_of = [](std::string salt) {
    rpc::Submit submit = good_submit();
    submit.salt = std::move(salt);
    return to_engine_request(std::move(submit), engine::RequestHandle(1), kNow)->hash_seed;
  };
  EXPECT_EQ(seed_of(""), 0x539U);
  EXPECT_EQ(seed_of("tenant-a"), 0x1b095b6229544fb6U);
  const std::string acme = "\x1F" + std::string("1a989a19cd36e906815e1f0fab41d7c5");
  EXPECT_EQ(seed_of(acme), 0x49f78fae3cd97a60U);
  EXPECT_EQ(seed_of(acme + "\x1Fproj-x"), 0x4610578381170ab7U);
}

TEST(ToEngineRequest, carries_who_asks_and_how_urgently) {
  rpc::Submit submit = good_submit();
  submit.tenant = "acme";
  submit.weight = 2.5F;
  submit.priority = -3;
  submit.strict_priority = 2;
  const auto request = to_engine_request(std::move(submit), engine::RequestHandle(1), kNow);
  EXPECT_EQ(request->tenant, "acme");
  EXPECT_EQ(request->weight, 2.5);
  EXPECT_EQ(request->priority, -3);
  EXPECT_EQ(request->strict_priority, 2U);
}

TEST(ToEngineRequest, refuses_what_is_not_offered_by_name) {
  const auto message_of = [](auto change) {
    rpc::Submit submit = good_submit();
    change(submit);
    const auto request = to_engine_request(std::move(submit), engine::RequestHandle(1), kNow);
    return request ? std::string() : request.error().message();
  };
  EXPECT_NE(message_of([](auto& s) { s.key.leg = rpc::Leg::kPrefill; }).find("legs"),
            std::string::npos);
  EXPECT_NE(message_of([](auto& s) { s.dp_rank = 3; }).find("rank 3"), std::string::npos);
}

TEST(ToRpcOutput, keeps_tokens_logprobs_finish_and_phases) {
  engine::ChoiceOutput output;
  output.choice = 2;
  output.position = 5;
  output.token_ids = {8};
  output.logprobs.push_back({-0.5F, 1, {{8, -0.5F}}});
  output.prompt_logprobs.push_back({-1.5F, 7, {{3, -0.25F}, {9, -1.5F}}});
  output.finish = engine::FinishReason::kStop;
  output.stop_token_id = 8;
  output.queue_time = std::chrono::microseconds(30);
  output.prefill_time = std::chrono::microseconds(40);
  const rpc::Output out = to_rpc_output(std::move(output), {.request_id = "r", .prompt_index = 1});
  EXPECT_EQ(out.key.request_id, "r");
  EXPECT_EQ(out.sequence, 2U);
  EXPECT_EQ(out.position, 5U);
  EXPECT_EQ(out.token_ids, std::vector<rpc::TokenId>{8});
  EXPECT_EQ(out.logprobs.at(0).top.at(0).first, 8U);
  ASSERT_EQ(out.prompt_logprobs.size(), 1U);
  EXPECT_EQ(out.prompt_logprobs[0].logprob, -1.5F);
  EXPECT_EQ(out.prompt_logprobs[0].rank, 7U);
  EXPECT_EQ(out.prompt_logprobs[0].top.at(1).first, 9U);
  EXPECT_EQ(out.finish.kind, rpc::FinishKind::kStop);
  EXPECT_EQ(out.finish.stop_token_id, 8U);
  EXPECT_EQ(out.queue_us, 30U);
  EXPECT_EQ(out.prefill_us, 40U);
}

TEST(ToRpcOutput, names_each_failure) {
  using engine::FinishReason;
  using rpc::WorkerErrorCode;
  const std::pair<FinishReason, WorkerErrorCode> failures[] = {
      {FinishReason::kInvalid, WorkerErrorCode::kInvalid},
      {FinishReason::kKvCapacity, WorkerErrorCode::kKvCapacity},
      {FinishReason::kOverloaded, WorkerErrorCode::kOverloaded},
      {FinishReason::kDraining, WorkerErrorCode::kDraining},
      {FinishReason::kInternal, WorkerErrorCode::kInternal}};
  for (const auto& [reason, code] : failures) {
    engine::ChoiceOutput output;
    output.finish = reason;
    const rpc::Output out = to_rpc_output(std::move(output), {});
    EXPECT_EQ(out.finish.kind, rpc::FinishKind::kError);
    EXPECT_EQ(out.finish.error, code);
  }
}

}  // namespace
}  // namespace penstock::worker
