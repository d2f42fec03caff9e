#include "engine/logits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace penstock::engine {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

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

TEST(TokenHistory, counts_the_same_in_any_order_of_its_tokens) {
  const SamplingParams params{
      .presence_penalty = 0.5F, .frequency_penalty = 0.25F, .repetition_penalty = 2.0F};
  TokenHistory prompt_first;
  prompt_first.add_prompt(std::vector<TokenId>{3, 0, 3});
  for (const TokenId id : {2U, 0U, 2U}) prompt_first.add_generated(id);
  TokenHistory prompt_last;
  for (const TokenId id : {0U, 2U, 2U}) prompt_last.add_generated(id);
  prompt_last.add_prompt(std::vector<TokenId>{0, 3});
  std::vector<float> one = {1, 1, 1, 1};
  std::vector<float> other = one;
  prompt_first.apply_penalties(params, one);
  prompt_last.apply_penalties(params, other);
  EXPECT_EQ(one, (std::vector<float>{0.5F - 0.75F, 1, 0.5F - 1.0F, 0.5F}));
  EXPECT_EQ(other, one);
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

TEST(Logprobs, of_a_row_with_a_nan_are_nan) {
  std::vector<float> logits = {1, 2, 3, 0};
  for (std::size_t at = 0; at < logits.size(); ++at) {
    std::vector<float> broken = logits;
    broken[at] = std::nanf("");
    for (TokenId id = 0; id < broken.size(); ++id) {
      EXPECT_TRUE(std::isnan(token_logprobs(broken, id, 0).logprob)) << at << " " << id;
    }
  }
}

TEST(Logits, are_biased_and_masked_in_place) {
  std::vector<float> logits = {1, 2, 3};
  add_bias(std::vector<std::pair<TokenId, float>>{{1, 10.0F}}, logits);
  mask_tokens(std::vector<TokenId>{2, 99}, logits);
  EXPECT_EQ(logits[1], 12.0F);
  EXPECT_TRUE(std::isinf(logits[2]));
}

TEST(Logits, only_allowed_ones_survive_untouched) {
  const std::vector<float> logits = {1, 2, 3, 4, 5};
  const auto allowed = [&logits](std::vector<TokenId> ids) {
    std::vector<float> row = logits;
    allow_only(ids, row);
    return row;
  };
  EXPECT_EQ(allowed({1, 1, 3}), (std::vector<float>{kMasked, 2, kMasked, 4, kMasked}));
  EXPECT_EQ(allowed({0, 1, 2, 3, 4}), logits);
  EXPECT_EQ(allowed({4}), (std::vector<float>{kMasked, kMasked, kMasked, kMasked, 5}));
}

TEST(Logits, a_bad_sequence_loses_only_the_token_that_would_complete_it) {
  const std::vector<std::vector<TokenId>> bad = {{1}, {0, 2}, {3, 0, 4}};
  const auto masked_after = [&bad](std::vector<TokenId> generated) {
    std::vector<float> row(5, 0.0F);
    mask_bad_sequences(bad, generated, row);
    std::vector<TokenId> masked;
    for (TokenId id = 0; id < row.size(); ++id) {
      if (row[id] == kMasked) masked.push_back(id);
    }
    return masked;
  };
  EXPECT_EQ(masked_after({}), (std::vector<TokenId>{1}));
  EXPECT_EQ(masked_after({0}), (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(masked_after({3, 0}), (std::vector<TokenId>{1, 2, 4}));
  EXPECT_EQ(masked_after({0, 3}), (std::vector<TokenId>{1}));
}

}  // namespace
}  // namespace penstock::engine
