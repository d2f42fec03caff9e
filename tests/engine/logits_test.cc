#include "engine/logits.h"

#include <gtest/gtest.h>

#include <cmath>

namespace penstock::engine {
namespace {

TEST(TokenHistory, penalises_seen_tokens_as_documented) {
  TokenHistory history;
  history.add_prompt(std::vector<TokenId>{0, 1});
  history.add_generated(1);
  history.add_generated(1);
  history.add_generated(2);
  std::vector<float> logits = {2, 4, -1, 3};
  history.apply_penalties(
      {.presence_penalty = 0.5F, .frequency_penalty = 0.25F, .repetition_penalty = 2.0F}, logits);
  EXPECT_EQ(logits, (std::vector<float>{1, 2 - 1.0F, -2 - 0.75F, 3}));
}

TEST(Logprobs, are_a_log_softmax_with_rank_and_the_best_tokens) {
  const std::vector<float> logits = {1, 3, 2, 3, 0};
  const TokenLogprobs got = token_logprobs(logits, 2, 3);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit);
  EXPECT_NEAR(got.logprob, 2 - std::log(sum), 1e-6);
  EXPECT_EQ(got.rank, 2U);
  ASSERT_EQ(got.top.size(), 3U);
  EXPECT_EQ(got.top[0].first, 1U);  // a tie goes to the lowest id
  EXPECT_EQ(got.top[1].first, 3U);
  EXPECT_EQ(got.top[2].first, 2U);
  EXPECT_TRUE(token_logprobs(logits, 1, 0).top.empty());
  EXPECT_EQ(token_logprobs(logits, 1, 10).top.size(), 5U);
}

TEST(Logits, are_biased_and_masked_in_place) {
  std::vector<float> logits = {1, 2, 3};
  add_bias(std::vector<std::pair<TokenId, float>>{{1, 10.0F}}, logits);
  mask_tokens(std::vector<TokenId>{2, 99}, logits);
  EXPECT_EQ(logits[1], 12.0F);
  EXPECT_TRUE(std::isinf(logits[2]));
}

}  // namespace
}  // namespace penstock::engine
