#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace penstock::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::map<TokenId, int> histogram(const std::vector<float>& logits, SamplingParams params,
                                 int num_draws) {
  Sampler sampler(static_cast<std::uint32_t>(logits.size()));
  std::map<TokenId, int> counts;
  for (int i = 0; i < num_draws; ++i) {
    ++counts[*sampler.sample(logits, params, {.output_index = static_cast<std::uint32_t>(i)})];
  }
  return counts;
}

TEST(Argmax, takes_the_lowest_id_at_a_tie) {
  EXPECT_EQ(*argmax(std::vector<float>{0, 5, 1, 5}), 1U);
  std::vector<float> many(1000, -3);
  many[700] = many[900] = 2;
  EXPECT_EQ(*argmax(many), 700U);
}

TEST(Argmax, refuses_nan_and_impossible_rows) {
  EXPECT_FALSE(argmax(std::vector<float>{0, std::nanf(""), 1}));
  EXPECT_FALSE(argmax(std::vector<float>{-kInfinity, -kInfinity}));
  EXPECT_FALSE(argmax(std::vector<float>{0, kInfinity}));
  EXPECT_FALSE(argmax(std::vector<float>{}));
}

TEST(Sampler, is_greedy_at_temperature_zero) {
  Sampler sampler(4);
  EXPECT_EQ(*sampler.sample(std::vector<float>{0, 1, 3, 2}, {.temperature = 0}, {}), 2U);
}

TEST(Sampler, draws_from_the_softmax) {
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.2F), -kInfinity};
  const auto counts = histogram(logits, {.seed = 3}, 20'000);
  EXPECT_NEAR(counts.at(0), 10'000, 300);
  EXPECT_NEAR(counts.at(1), 6'000, 300);
  EXPECT_NEAR(counts.at(2), 4'000, 300);
  EXPECT_FALSE(counts.contains(3));
}

TEST(Sampler, sharpens_with_low_temperature) {
  const std::vector<float> logits = {std::log(0.6F), std::log(0.4F)};
  const auto counts = histogram(logits, {.temperature = 0.5F}, 20'000);
  EXPECT_NEAR(counts.at(0) / 20'000.0, 0.36 / (0.36 + 0.16), 0.015);
}

TEST(Sampler, cuts_top_k_with_ties_to_the_lowest_id) {
  const auto counts = histogram({1, 2, 2, 2, 0}, {.top_k = 2}, 500);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_TRUE(counts.contains(1) && counts.contains(2));
}

TEST(Sampler, cuts_top_p_at_the_first_token_that_reaches_it) {
  const std::vector<float> logits = {std::log(0.1F), std::log(0.5F), std::log(0.25F),
                                     std::log(0.15F)};
  EXPECT_EQ(histogram(logits, {.top_p = 0.5F}, 300).size(), 1U);
  EXPECT_EQ(histogram(logits, {.top_p = 0.6F}, 300).size(), 2U);
  EXPECT_EQ(histogram(logits, {.top_p = 0.8F}, 500).size(), 3U);
}

TEST(Sampler, cuts_top_p_over_many_tokens) {
  const std::vector<float> flat(2000, 1.0F);
  Sampler sampler(2000);
  for (std::uint32_t i = 0; i < 500; ++i) {
    const TokenId id = *sampler.sample(flat, {.top_p = 0.5F, .seed = 8}, {.output_index = i});
    EXPECT_LT(id, 1000U);  // equal weights: the lowest ids come first
  }
}

TEST(Sampler, cuts_min_p_relative_to_the_best) {
  const std::vector<float> logits = {std::log(0.6F), std::log(0.3F), std::log(0.1F)};
  EXPECT_EQ(histogram(logits, {.min_p = 0.4F}, 400).size(), 2U);
  EXPECT_EQ(histogram(logits, {.min_p = 1.0F}, 400).size(), 1U);
}

TEST(Sampler, repeats_itself_for_the_same_counter_and_differs_for_others) {
  std::mt19937 random(1);
  std::vector<float> logits(5000);
  for (float& logit : logits) logit = static_cast<float>(random() % 1000) / 500;
  Sampler first(5000);
  Sampler second(5000);
  int differing = 0;
  for (std::uint32_t i = 0; i < 50; ++i) {
    const SamplingParams params{.top_p = 0.9F, .seed = 77};
    const TokenId id = *first.sample(logits, params, {.output_index = i, .choice_number = 0});
    EXPECT_EQ(id, *second.sample(logits, params, {.output_index = i, .choice_number = 0}));
    differing += id != *first.sample(logits, params, {.output_index = i, .choice_number = 1});
  }
  EXPECT_GT(differing, 40);
}

}  // namespace
}  // namespace penstock::engine
