#include "engine/mock_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/engine/harness.h"

namespace penstock::engine {
namespace {

constexpr std::uint32_t kVocabSize = 100;

EngineHarness::Options mock_options(std::uint32_t num_blocks = 64) {
  EngineHarness::Options options;
  options.num_blocks = num_blocks;
  options.runner = std::make_unique<MockRunner>(MockOptions{
      .vocab_size = kVocabSize, .drawn_ids = {10, 20, 30, 40, 50, 60}, .timing = {.speedup = 0}});
  return options;
}

std::vector<TokenId> tokens_of(EngineHarness& harness, EngineRequest request) {
  auto transcripts = harness.run(std::move(request));
  return transcripts.at(0).token_ids;
}

TEST(MockRunner, same_request_gets_the_same_tokens_beside_others_and_alone) {
  EngineHarness alone(mock_options());
  EngineHarness crowded(mock_options(12));  // preempts
  std::vector<std::vector<TokenId>> expected;
  for (std::uint64_t i = 0; i < 8; ++i) {
    expected.push_back(tokens_of(alone, make_request(i + 1, {1, 2, static_cast<TokenId>(i)}, 30)));
  }
  for (std::uint64_t i = 0; i < 8; ++i) {
    crowded.submit(make_request(i + 1, {1, 2, static_cast<TokenId>(i)}, 30));
  }
  for (std::uint64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(crowded.wait(RequestHandle(i + 1)).at(0).token_ids, expected[i]);
  }
  EXPECT_NE(expected[0], expected[1]);
}

TEST(MockRunner, a_migrated_request_goes_on_with_the_tokens_it_would_have_got) {
  EngineHarness harness(mock_options());
  const auto whole = tokens_of(harness, make_request(1, {5, 6, 7}, 20));
  EngineRequest rest = make_request(2, {5, 6, 7}, 20);
  rest.choices[0].generated.assign(whole.begin(), whole.begin() + 8);
  EXPECT_EQ(tokens_of(harness, std::move(rest)), whole);  // the harness puts both parts together
}

TEST(MockRunner, a_seed_matters_only_when_tokens_are_drawn_by_chance) {
  EngineHarness harness(mock_options());
  const auto run = [&](std::uint64_t handle, float temperature, std::uint64_t seed) {
    EngineRequest request = make_request(handle, {1}, 24);
    request.sampling.temperature = temperature;
    request.sampling.seed = seed;
    return tokens_of(harness, std::move(request));
  };
  EXPECT_EQ(run(1, 0, 1), run(2, 0, 2));
  EXPECT_NE(run(3, 1, 1), run(4, 1, 2));
  EXPECT_EQ(run(5, 1, 1), run(6, 1, 1));
}

TEST(MockRunner, allowed_ids_and_bad_sequences_hold) {
  EngineHarness harness(mock_options());
  EngineRequest request = make_request(1, {1}, 50);
  request.allowed_token_ids = {7, 8, 9};
  request.bad_sequences = {{8}, {7, 9}};
  const auto tokens = tokens_of(harness, std::move(request));
  EXPECT_EQ(std::ranges::count(tokens, TokenId{8}), 0);
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    EXPECT_FALSE(tokens[i - 1] == 7 && tokens[i] == 9);
  }
  EngineRequest impossible = make_request(2, {1}, 5);
  impossible.allowed_token_ids = {7};
  impossible.bad_sequences = {{7}};
  EXPECT_EQ(harness.run(std::move(impossible)).at(0).finish, FinishReason::kInvalid);
}

TEST(MockRunner, logprobs_name_the_token_first_and_each_id_once) {
  EngineHarness harness(mock_options());
  EngineRequest request = make_request(1, {1, 2, 3}, 4);
  request.logprobs = 5;
  request.prompt_logprobs = 3;
  const auto transcript = harness.run(std::move(request)).at(0);
  ASSERT_EQ(transcript.logprobs.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const TokenLogprobs& entry = transcript.logprobs[i];
    ASSERT_EQ(entry.top.size(), 5U);
    EXPECT_EQ(entry.top[0].first, transcript.token_ids[i]);
    std::set<TokenId> ids;
    for (const auto& [id, logprob] : entry.top) {
      EXPECT_LE(logprob, entry.logprob);
      ids.insert(id);
    }
    EXPECT_EQ(ids.size(), 5U);
  }
  EXPECT_EQ(transcript.prompt_logprobs.size(), 2U);
}

TEST(MockRunner, the_second_of_two_equal_prompts_is_a_prefix_hit) {
  EngineHarness harness(mock_options());
  std::vector<TokenId> prompt(40, 3);
  (void)harness.run(make_request(1, prompt, 2));
  EXPECT_GT(harness.run(make_request(2, prompt, 2)).at(0).cached_tokens, 30U);
}

TEST(MockTiming, a_step_takes_what_the_model_says) {
  sched::StepWork work;
  work.add(1000, 2);  // 2 rows, 2,003 pairs
  const MockTiming timing{.fixed_us = 100, .per_row_us = 10, .per_attended_ns = 1000, .speedup = 1};
  EXPECT_EQ(timing.of(work), std::chrono::microseconds(100 + 20 + 2003));
  EXPECT_EQ(MockTiming({.fixed_us = 100, .speedup = 4}).of({}), std::chrono::microseconds(25));
  EXPECT_EQ(MockTiming({.speedup = 0}).of(work), Duration::zero());
  EXPECT_EQ(MockTiming({.fixed_us = 1e30}).of(work), std::chrono::seconds(10));
}

}  // namespace
}  // namespace penstock::engine
