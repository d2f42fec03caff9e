#include "metrics/bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace penstock::metrics {
namespace {

using testing::ElementsAre;

TEST(LogBounds, start_at_zero_and_include_both_ends) {
  EXPECT_THAT(log_bounds({.min = 1, .max = 512, .count = 10}).value(),
              ElementsAre(0, 1, 2, 4, 8, 16, 32, 64, 130, 260, 510));
}

TEST(LogBounds, have_two_significant_digits) {
  EXPECT_THAT(log_bounds({.min = 0.001, .max = 2, .count = 4}).value(),
              ElementsAre(0, 0.001, 0.013, 0.16, 2));
}

TEST(LogBounds, show_a_value_once_when_neighbours_round_together) {
  EXPECT_THAT(log_bounds({.min = 10, .max = 12, .count = 9}).value(), ElementsAre(0, 10, 11, 12));
}

TEST(LogBounds, refuse_numbers_that_make_no_bounds) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  for (const LogBounds spec : {LogBounds{0, 1, 3}, LogBounds{-1, 1, 3}, LogBounds{2, 1, 3},
                               LogBounds{1, 1, 3}, LogBounds{nan, 1, 3}, LogBounds{1, inf, 3},
                               LogBounds{1, 2, 1}, LogBounds{1, 2, kMaxBounds + 1}}) {
    const auto bounds = log_bounds(spec);
    ASSERT_FALSE(bounds) << spec.min << " " << spec.max << " " << spec.count;
    EXPECT_EQ(bounds.error().code(), ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace penstock::metrics
