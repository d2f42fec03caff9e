// Same request, same tokens: whatever runs beside it, however it is cut, preempted or resumed.
#include <gtest/gtest.h>

#include <random>

#include "base/format.h"
#include "tests/engine/harness.h"

namespace penstock::engine {
namespace {

EngineRequest random_request(std::mt19937& random, std::uint64_t handle) {
  std::vector<TokenId> prompt(1 + random() % 60);
  // Some begin alike, so that they find each other's blocks.
  const std::size_t num_common = random() % 2 == 0 ? random() % prompt.size() : 0;
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    prompt[i] = static_cast<TokenId>(i < num_common ? i : random() % 101);
  }
  EngineRequest request =
      make_request(handle, std::move(prompt), 1 + static_cast<std::uint32_t>(random() % 30));
  request.sampling.temperature = random() % 3 == 0 ? 0.0F : 0.9F;
  request.sampling.top_k = random() % 2 == 0 ? 0 : 20;
  request.sampling.top_p = random() % 2 == 0 ? 1.0F : 0.8F;
  request.sampling.min_p = random() % 2 == 0 ? 0.0F : 0.05F;
  request.sampling.seed = random();
  if (random() % 3 == 0) {
    request.sampling.repetition_penalty = 1.3F;
    request.sampling.presence_penalty = 0.4F;
    request.sampling.frequency_penalty = 0.2F;
  }
  if (random() % 4 == 0) request.eos_token_ids = {static_cast<TokenId>(random() % 101)};
  if (random() % 4 == 0) request.choices = {{0, {}}, {1, {}}, {2, {}}};
  if (random() % 4 == 0) request.min_tokens = 3;
  if (random() % 4 == 0) request.bad_sequences = {{7}, {3, 5}};
  if (random() % 5 == 0) request.allowed_token_ids = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89};
  if (random() % 6 == 0) request.prompt_logprobs = 1;
  request.logprobs = 2;
  return request;
}

void expect_equal(const std::map<std::uint32_t, Transcript>& a,
                  const std::map<std::uint32_t, Transcript>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [number, choice] : a) {
    EXPECT_EQ(choice.token_ids, b.at(number).token_ids);
    EXPECT_EQ(choice.finish, b.at(number).finish);
    ASSERT_EQ(choice.logprobs.size(), b.at(number).logprobs.size());
    ASSERT_EQ(choice.prompt_logprobs.size(), b.at(number).prompt_logprobs.size());
    for (std::size_t i = 0; i < choice.prompt_logprobs.size(); ++i) {
      EXPECT_EQ(choice.prompt_logprobs[i].logprob, b.at(number).prompt_logprobs[i].logprob);
    }
    for (std::size_t i = 0; i < choice.logprobs.size(); ++i) {
      EXPECT_EQ(choice.logprobs[i].logprob, b.at(number).logprobs[i].logprob);
    }
  }
}

TEST(EngineExactness, concurrent_requests_equal_their_solo_runs_at_any_chunk_size) {
  constexpr int kRequests = 40;
  std::vector<std::map<std::uint32_t, Transcript>> solo;
  {
    EngineHarness harness({.prefix_caching = false});
    std::mt19937 random(5);
    for (int i = 0; i < kRequests; ++i) solo.push_back(harness.run(random_request(random, i + 1)));
  }
  for (const std::uint32_t step_tokens : {1U, 7U, 64U}) {
    // 24 blocks hold 96 tokens: with 16 sequences running, preemption is certain.
    for (const std::uint32_t num_blocks : {24U, 200U}) {
      for (const bool prefix_caching : {false, true}) {
        SCOPED_TRACE(format("step {} pool {} caching {}", step_tokens, num_blocks, prefix_caching));
        EngineHarness harness({.num_blocks = num_blocks,
                               .context_length = 96,
                               .max_step_tokens = step_tokens,
                               .prefix_caching = prefix_caching});
        // The second time they find what the first left.
        for (const int round : {0, 1}) {
          std::mt19937 random(5);
          for (int i = 0; i < kRequests; ++i) {
            harness.submit(random_request(random, round * kRequests + i + 1));
          }
          for (int i = 0; i < kRequests; ++i) {
            SCOPED_TRACE(i);
            expect_equal(harness.wait(RequestHandle(round * kRequests + i + 1)), solo[i]);
          }
        }
        harness.wait_until_idle();
      }
    }
  }
}

TEST(EngineExactness, choices_of_one_request_equal_requests_of_one_choice) {
  EngineHarness harness;
  std::vector<TokenId> prompt(23);
  for (TokenId& id : prompt) id = 7;
  EngineRequest all = make_request(1, prompt, 20);
  all.sampling.temperature = 1;
  all.sampling.seed = 42;
  all.choices = {{0, {}}, {1, {}}, {2, {}}};
  EngineRequest one = all;
  const auto got = harness.run(std::move(all));
  for (std::uint32_t number = 0; number < 3; ++number) {
    EngineRequest single = one;
    single.handle = RequestHandle(10 + number);
    single.choices = {{number, {}}};
    EXPECT_EQ(harness.run(std::move(single)).at(number).token_ids, got.at(number).token_ids);
  }
}

TEST(EngineExactness, a_migrated_request_goes_on_with_the_same_tokens) {
  EngineHarness harness;
  std::mt19937 random(9);
  for (int i = 0; i < 20; ++i) {
    EngineRequest whole = random_request(random, 100 + i);
    whole.max_tokens = 30;
    whole.logprobs = -1;
    EngineRequest resumed = whole;
    resumed.handle = RequestHandle(200 + i);
    resumed.migrations = 1;
    const auto expected = harness.run(std::move(whole));
    std::erase_if(resumed.choices, [&](const Choice& choice) {
      return expected.at(choice.number).token_ids.size() < 2;
    });
    if (resumed.choices.empty()) continue;
    for (Choice& choice : resumed.choices) {
      const auto& tokens = expected.at(choice.number).token_ids;
      choice.generated.assign(tokens.begin(), tokens.begin() + tokens.size() / 2);
    }
    for (const auto& [number, choice] : harness.run(std::move(resumed))) {
      EXPECT_EQ(choice.token_ids, expected.at(number).token_ids);
      EXPECT_EQ(choice.finish, expected.at(number).finish);
    }
  }
}

TEST(EngineExactness, choices_of_one_seed_differ_from_each_other) {
  EngineHarness harness;
  EngineRequest request = make_request(1, {1, 2, 3}, 20);
  request.sampling.temperature = 1;
  request.choices = {{0, {}}, {1, {}}};
  const auto got = harness.run(std::move(request));
  EXPECT_NE(got.at(0).token_ids, got.at(1).token_ids);
}

}  // namespace
}  // namespace penstock::engine
