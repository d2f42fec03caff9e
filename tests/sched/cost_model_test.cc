#include "sched/cost_model.h"

#include <gtest/gtest.h>

namespace penstock::sched {
namespace {

using std::chrono::milliseconds;

TEST(CostModel, finds_a_line_through_steps_of_different_sizes) {
  CostModel model;
  for (int i = 0; i < 50; ++i) {
    for (const std::uint32_t n : {1U, 16U, 128U}) model.observe(n, milliseconds(10 + n));
  }
  EXPECT_NEAR(to_ms(model.predict(64)), 74, 1);
  EXPECT_NEAR(model.tokens_within(milliseconds(60)), 50, 2);
}

TEST(CostModel, counts_all_time_per_token_when_steps_have_one_size) {
  CostModel model;
  for (int i = 0; i < 10; ++i) model.observe(8, milliseconds(16));
  EXPECT_NEAR(to_ms(model.predict(4)), 8, 0.01);
  EXPECT_EQ(model.tokens_within(milliseconds(100)), 50U);
}

TEST(CostModel, follows_a_machine_that_slows_down) {
  CostModel model;
  for (int i = 0; i < 100; ++i)
    model.observe(i % 2 == 0 ? 1 : 100, milliseconds(i % 2 == 0 ? 2 : 20));
  for (int i = 0; i < 300; ++i)
    model.observe(i % 2 == 0 ? 1 : 100, milliseconds(i % 2 == 0 ? 4 : 40));
  EXPECT_NEAR(to_ms(model.predict(100)), 40, 1);
}

TEST(CostModel, knows_nothing_before_the_first_step) {
  const CostModel model;
  EXPECT_FALSE(model.has_observations());
  EXPECT_EQ(model.predict(100), Duration::zero());
  EXPECT_EQ(model.tokens_within(milliseconds(10)), 1U);
}

TEST(CostModel, always_allows_one_token) {
  CostModel model;
  model.observe(1, milliseconds(500));
  EXPECT_EQ(model.tokens_within(milliseconds(1)), 1U);
}

}  // namespace
}  // namespace penstock::sched
