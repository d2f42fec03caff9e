// What a request asks of sampling, as the worker gets it, and prompt logprobs, as the client does.
#include <gtest/gtest.h>

#include "harness.h"

namespace penstock::frontend {
namespace {

using rpc::FinishKind;

FakeWorker::Script ends_at_once() {
  return {finish(FinishKind::kLength, {'x'})};
}

// One entry per token but the first; with the position in the logprob.
rpc::Output with_prompt_logprobs(const rpc::Submit& submit, rpc::Output output) {
  for (std::size_t i = 1; i < submit.token_ids.size(); ++i) {
    const float logprob = -static_cast<float>(i);
    output.prompt_logprobs.push_back({logprob, 3, {{'z', -0.5F}, {'y', -0.75F}}});
  }
  return output;
}

TEST(SamplingFields, reach_the_worker_as_they_are_meant) {
  Harness harness([](const rpc::Submit&, std::uint32_t) { return ends_at_once(); });
  const Recorded answer =
      harness
          .complete(R"(,"n":2,"max_tokens":9,"min_tokens":3,"seed":-1,"ignore_eos":true,)"
                    R"("logit_bias":{"7":-2.5},"allowed_token_ids":[9,8],"bad_words":["b"," b"],)"
                    R"("stop_token_ids":[5],"presence_penalty":0.5,"frequency_penalty":0.25,)"
                    R"("repetition_penalty":1.5,"logprobs":2,"prompt_logprobs":3)")
          ->wait_done();
  ASSERT_EQ(answer.status, 200) << answer.body;
  const rpc::Submit submit = harness.worker().submits().at(0);
  using Ids = std::vector<rpc::TokenId>;
  EXPECT_EQ(submit.n, 2u);
  ASSERT_EQ(submit.sequences.size(), 2u);
  EXPECT_EQ(submit.sequences[1].sequence, 1u);
  EXPECT_EQ(submit.min_tokens, 3u);
  EXPECT_EQ(submit.sampling.seed, UINT64_MAX);
  EXPECT_TRUE(submit.ignore_eos);
  EXPECT_EQ(submit.logit_bias.at(0), (std::pair<rpc::TokenId, float>{7, -2.5F}));
  EXPECT_EQ(submit.allowed_token_ids, (Ids{9, 8}));
  EXPECT_EQ(submit.bad_sequences, (std::vector<Ids>{{' ', 'b'}, {'b'}}));
  EXPECT_EQ(submit.stop_token_ids, Ids{5});
  EXPECT_EQ(submit.sampling.presence_penalty, 0.5F);
  EXPECT_EQ(submit.sampling.frequency_penalty, 0.25F);
  EXPECT_EQ(submit.sampling.repetition_penalty, 1.5F);
  EXPECT_EQ(submit.logprobs, 2);
  EXPECT_EQ(submit.prompt_logprobs, 3);
}

TEST(SamplingFields, are_absent_when_nothing_is_asked) {
  Harness harness([](const rpc::Submit&, std::uint32_t) { return ends_at_once(); });
  const Recorded answer = harness.chat()->wait_done();
  const rpc::Submit submit = harness.worker().submits().at(0);
  EXPECT_TRUE(submit.allowed_token_ids.empty());
  EXPECT_TRUE(submit.bad_sequences.empty());
  EXPECT_EQ(submit.prompt_logprobs, -1);
  EXPECT_EQ(json_of(answer).find("prompt_logprobs"), nullptr);
}

TEST(SamplingFields, that_the_model_cannot_take_are_refused_by_name) {
  Harness harness([](const rpc::Submit&, std::uint32_t) { return ends_at_once(); });
  const auto error = [&](const std::string& more) {
    return error_of(harness.complete(more)->wait_done());
  };
  EXPECT_EQ(error(R"(,"allowed_token_ids":[1,259])"), "400 invalid_value allowed_token_ids[1]");
  EXPECT_EQ(error(R"(,"allowed_token_ids":[])"), "400 invalid_value allowed_token_ids");
  EXPECT_EQ(error(R"(,"bad_words":["a",""])"), "400 invalid_value bad_words[1]");
  EXPECT_EQ(error(R"(,"prompt_logprobs":21)"), "400 invalid_value prompt_logprobs");
  EXPECT_EQ(error(R"(,"prompt_logprobs":1,"stream":true)"), "400 invalid_value prompt_logprobs");
  EXPECT_EQ(error(R"(,"prompt_logprobs":1,"echo":true,"max_tokens":0)"),
            "400 invalid_value max_tokens");
}

TEST(PromptLogprobs, stand_at_the_top_of_a_chat_answer_with_their_texts) {
  Harness harness([](const rpc::Submit& submit, std::uint32_t) {
    return FakeWorker::Script{with_prompt_logprobs(submit, tokens({'o'})),
                              finish(FinishKind::kLength, {'k'})};
  });
  const Recorded answer = harness.chat(R"(,"prompt_logprobs":1,"max_tokens":2)")->wait_done();
  ASSERT_EQ(answer.status, 200) << answer.body;
  const text::Json body = json_of(answer);
  const rpc::Submit submit = harness.worker().submits().at(0);
  const auto& list = body.find("prompt_logprobs")->as_array();
  ASSERT_EQ(list.size(), submit.token_ids.size());
  EXPECT_TRUE(list[0].is_null()) << "nothing precedes the first token";
  const text::Json* user = list[1].find(std::to_string(submit.token_ids[1]));
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(text::to_json(*user), R"({"logprob":-1,"rank":4,"decoded_token":"u"})");
  EXPECT_EQ(text::to_json(*list[1].find("122")),
            R"({"logprob":-0.5,"rank":1,"decoded_token":"z"})");
  EXPECT_EQ(list[1].find("121"), nullptr) << "as many alternatives as asked";
  EXPECT_EQ(body.find("choices")->as_array()[0].find("prompt_logprobs"), nullptr);
}

TEST(PromptLogprobs, stand_in_each_completion_of_their_prompt) {
  // The second choice of a prompt brings them as well or not at all: the first word stands.
  Harness harness([](const rpc::Submit& submit, std::uint32_t sequence) {
    rpc::Output output = finish(FinishKind::kLength, {'x'});
    if (sequence % 2 == 0) output = with_prompt_logprobs(submit, std::move(output));
    return FakeWorker::Script{std::move(output)};
  });
  const Recorded answer =
      harness
          .send("POST", "/v1/completions",
                R"({"model":"tiny","prompt":["ab","c"],"n":2,"max_tokens":1,"prompt_logprobs":0})")
          ->wait_done();
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto choices = json_of(answer).find("choices")->as_array();
  ASSERT_EQ(choices.size(), 4u);
  const std::string expected = R"([null,{"98":{"logprob":-1,"rank":4,"decoded_token":"b"}}])";
  EXPECT_EQ(text::to_json(*choices[0].find("prompt_logprobs")), expected);
  EXPECT_EQ(text::to_json(*choices[1].find("prompt_logprobs")), expected);
  EXPECT_EQ(text::to_json(*choices[2].find("prompt_logprobs")), "[null]") << "one token";
  EXPECT_EQ(text::to_json(*choices[3].find("prompt_logprobs")), "[null]");
}

TEST(PromptLogprobs, of_another_length_than_the_prompt_are_a_broken_worker_s) {
  Harness harness([](const rpc::Submit&, std::uint32_t) {
    rpc::Output output = finish(FinishKind::kLength, {'x'});
    output.prompt_logprobs.resize(5);
    return FakeWorker::Script{std::move(output)};
  });
  EXPECT_EQ(error_of(harness.complete(R"(,"prompt_logprobs":0)")->wait_done()),
            "503 worker_lost null");
}

TEST(PromptLogprobs, are_null_when_the_prompt_was_not_computed) {
  Harness harness([](const rpc::Submit&, std::uint32_t) { return ends_at_once(); });
  const text::Json body = json_of(harness.chat(R"(,"prompt_logprobs":0)")->wait_done());
  EXPECT_TRUE(body.find("prompt_logprobs")->is_null());
}

}  // namespace
}  // namespace penstock::frontend
