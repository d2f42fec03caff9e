#include "sched/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>

namespace penstock::sched {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

StepWork chunk(std::uint32_t first_position, std::uint32_t num_tokens) {
  StepWork work;
  work.add(first_position, num_tokens);
  return work;
}

TEST(CostModel, finds_the_fixed_part_the_rows_and_the_context) {
  CostModel model;
  const auto truth = [](const StepWork& work) {
    return Duration(std::llround(10e6 + 1e6 * work.rows + 500.0 * work.attended));
  };
  for (int i = 0; i < 50; ++i) {
    for (const std::uint32_t n : {1U, 16U, 128U}) {
      for (const std::uint32_t position : {0U, 1000U, 4000U}) {
        model.observe(chunk(position, n), truth(chunk(position, n)));
      }
    }
  }
  for (const StepWork& work : {chunk(0, 64), chunk(2000, 64), chunk(6000, 8)}) {
    EXPECT_NEAR(to_ms(model.predict(work)), to_ms(truth(work)), 0.01 * to_ms(truth(work)));
  }
}

TEST(CostModel, chunks_shrink_as_the_context_grows) {
  CostModel model;
  for (int i = 0; i < 50; ++i) {
    for (const std::uint32_t position : {0U, 500U, 3000U}) {
      const StepWork work = chunk(position, 32);
      model.observe(work, Duration(std::llround(1e6 * work.rows + 1000.0 * work.attended)));
      model.observe(chunk(position, 1), Duration(1'000'000 + 1000 * (position + 1)));
    }
  }
  const std::uint32_t at_start = model.tokens_within(milliseconds(100), {}, 0);
  const std::uint32_t far = model.tokens_within(milliseconds(100), {}, 4000);
  EXPECT_GT(at_start, 85U);
  EXPECT_LT(at_start, 100U);
  EXPECT_NEAR(far, 20, 1);
  // What it allows it also predicts to fit.
  EXPECT_LE(model.predict(chunk(4000, far)), milliseconds(100));
  EXPECT_GT(model.predict(chunk(4000, far + 1)), milliseconds(100));
}

TEST(CostModel, what_is_planned_already_counts) {
  CostModel model;
  for (int i = 0; i < 20; ++i) {
    for (const std::uint32_t n : {1U, 10U, 100U}) model.observe(chunk(0, n), milliseconds(10 + n));
  }
  EXPECT_NEAR(model.tokens_within(milliseconds(60), {}, 0), 50, 1);
  EXPECT_NEAR(model.tokens_within(milliseconds(60), chunk(0, 30), 0), 20, 1);
  EXPECT_EQ(model.tokens_within(milliseconds(60), chunk(0, 80), 0), 0U);
}

TEST(CostModel, counts_all_time_per_row_when_steps_have_one_size) {
  CostModel model;
  for (int i = 0; i < 10; ++i) model.observe(chunk(0, 8), milliseconds(16));
  EXPECT_NEAR(to_ms(model.predict(chunk(0, 4))), 8, 0.01);
  EXPECT_NEAR(model.tokens_within(milliseconds(100), {}, 0), 50, 1);
}

TEST(CostModel, follows_a_machine_that_slows_down) {
  CostModel model;
  const auto observe = [&](int steps, double factor) {
    for (int i = 0; i < steps; ++i) {
      const std::uint32_t n = i % 2 == 0 ? 1 : 100;
      model.observe(chunk(0, n), Duration(std::llround(factor * (2e6 + 2e5 * n))));
    }
  };
  observe(100, 1);
  observe(300, 3);
  EXPECT_NEAR(to_ms(model.predict(chunk(0, 100))), 66, 1);
}

TEST(CostModel, never_predicts_less_for_more_work) {
  // Noise would fit a falling line here.
  CostModel model;
  for (int i = 0; i < 40; ++i) {
    model.observe(chunk(0, 10), microseconds(2000));
    model.observe(chunk(0, 20), microseconds(1500));
  }
  EXPECT_LE(model.predict(chunk(0, 10)), model.predict(chunk(0, 20)));
  EXPECT_LE(model.predict(chunk(0, 20)), model.predict(chunk(5000, 20)));
}

TEST(CostModel, does_not_trust_itself_far_from_what_it_has_seen) {
  CostModel model;
  for (int i = 0; i < 20; ++i) {
    for (const std::uint32_t n : {1U, 16U}) model.observe(chunk(0, n), microseconds(100 + n));
  }
  EXPECT_EQ(model.tokens_within(std::chrono::seconds(1), {}, 0), 64U);
  model.observe(chunk(0, 64), microseconds(164));
  EXPECT_EQ(model.tokens_within(std::chrono::seconds(1), {}, 0), 256U);
}

TEST(CostModel, learns_nothing_from_the_first_step_which_finds_cold_memory) {
  CostModel model;
  model.observe(chunk(0, 1), std::chrono::seconds(1));
  EXPECT_FALSE(model.has_observations());
  for (int i = 0; i < 3; ++i) model.observe(chunk(0, 8), milliseconds(8));
  EXPECT_EQ(model.predict(chunk(0, 8)), milliseconds(8));
}

TEST(CostModel, knows_nothing_before_the_first_step) {
  const CostModel model;
  EXPECT_FALSE(model.has_observations());
  EXPECT_EQ(model.predict(chunk(0, 100)), Duration::zero());
}

}  // namespace
}  // namespace penstock::sched
