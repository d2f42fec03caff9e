#include "engine/stall_detector.h"

#include <gtest/gtest.h>

namespace penstock::engine {
namespace {

using std::chrono::seconds;

class Detector : public ::testing::Test {
 protected:
  // Looks every second, `n` times.
  StallVerdict look(const EnginePulse& pulse, int n = 1) {
    StallVerdict verdict;
    for (int i = 0; i < n; ++i) verdict = detector_.look(pulse, now_ = now_ + seconds(1));
    return verdict;
  }
  static EnginePulse working(std::uint64_t step) {
    return {.num_steps = step, .num_echoes = 0, .has_work = true, .phase = StepPhase::kForward};
  }
  MonotonicTime now_{};
  StallDetector detector_{{.timeout = seconds(10), .max_interval = seconds(2)}};
};

TEST_F(Detector, work_without_a_step_is_a_stall_after_the_timeout) {
  (void)look(working(5));
  const MonotonicTime begin = now_;
  const StallVerdict before = look(working(5), 9);
  EXPECT_FALSE(before.stall);
  EXPECT_EQ(before.age, seconds(9));
  const StallVerdict verdict = look(working(5));
  ASSERT_TRUE(verdict.stall);
  EXPECT_EQ(verdict.stall->since, begin);
  EXPECT_EQ(verdict.stall->phase, StepPhase::kForward);
  EXPECT_EQ(look(working(5), 50).stall->since, begin) << "a stall keeps its begin";
}

TEST_F(Detector, a_step_or_an_echo_is_progress) {
  (void)look(working(5), 20);
  EXPECT_FALSE(look(working(6)).stall);
  (void)look(working(6), 20);
  EnginePulse echo = working(6);
  echo.num_echoes = 1;
  EXPECT_FALSE(look(echo).stall);
  EXPECT_EQ(look(echo).age, seconds(1));
}

TEST_F(Detector, an_engine_without_work_owes_no_step) {
  EnginePulse idle = working(5);
  idle.has_work = false;
  EXPECT_FALSE(look(idle, 100).stall);
  EXPECT_EQ(look(working(5)).age, Duration::zero()) << "the time counts from the work on";
  EXPECT_FALSE(look(working(5), 9).stall);
  EXPECT_TRUE(look(working(5)).stall);
}

TEST_F(Detector, time_in_which_nobody_looked_accuses_nobody) {
  (void)look(working(5));
  now_ = now_ + seconds(3600);
  const StallVerdict late = look(working(5));
  EXPECT_EQ(late.age, seconds(2));
  EXPECT_FALSE(late.stall);
}

}  // namespace
}  // namespace penstock::engine
