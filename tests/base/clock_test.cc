#include "base/clock.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ManualClock, moves_only_when_told) {
  ManualClock clock;
  const MonotonicTime start = clock.now();
  const std::int64_t wall = clock.unix_us();
  EXPECT_EQ(clock.now(), start);
  clock.advance(milliseconds(5));
  EXPECT_EQ(clock.now() - start, milliseconds(5));
  EXPECT_EQ(clock.unix_us() - wall, 5000);
}

TEST(SystemClock, never_goes_back) {
  const SystemClock clock;
  MonotonicTime last = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const MonotonicTime now = clock.now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(MonotonicTime, adds_and_subtracts_durations) {
  const MonotonicTime t{1000};
  EXPECT_EQ((t + seconds(1)).ns, 1'000'001'000);
  EXPECT_EQ((t - Duration(1000)).ns, 0);
  EXPECT_LT(t, MonotonicTime::max());
}

TEST(Durations, convert_to_the_units_that_leave_the_process) {
  EXPECT_EQ(to_us(milliseconds(3)), 3000);
  EXPECT_DOUBLE_EQ(to_ms(std::chrono::microseconds(1500)), 1.5);
}

}  // namespace
}  // namespace penstock
