#include "frontend/access/rate_meter.h"

#include <gtest/gtest.h>

#include <random>

namespace penstock::frontend {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class RateMeterTest : public ::testing::Test {
 protected:
  bool try_take(RateMeter& meter, std::uint64_t amount) {
    if (meter.wait_for(amount, now) > Duration::zero()) return false;
    meter.take(amount, now);
    return true;
  }
  MonotonicTime now{1'000'000'000};
};

TEST_F(RateMeterTest, gives_a_minutes_worth_at_once_and_then_the_pace) {
  RateMeter meter(60);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(try_take(meter, 1)) << i;
  EXPECT_FALSE(try_take(meter, 1));
  EXPECT_EQ(meter.wait_for(1, now), seconds(1));
  EXPECT_EQ(meter.wait_for(10, now), seconds(10));
  now = now + milliseconds(999);
  EXPECT_FALSE(try_take(meter, 1));
  now = now + milliseconds(1);
  EXPECT_TRUE(try_take(meter, 1));
  EXPECT_FALSE(try_take(meter, 1));
}

TEST_F(RateMeterTest, is_full_again_after_a_quiet_minute_and_never_fuller) {
  RateMeter meter(7);
  EXPECT_TRUE(try_take(meter, 7));
  now = now + minutes(1);
  EXPECT_EQ(meter.available(now), 7);
  now = now + minutes(100);
  EXPECT_TRUE(try_take(meter, 7));
  EXPECT_FALSE(try_take(meter, 1));
}

TEST_F(RateMeterTest, what_is_larger_than_the_limit_is_slow_and_not_impossible) {
  RateMeter meter(100);
  EXPECT_TRUE(try_take(meter, 250)) << "an empty bucket takes it";
  EXPECT_EQ(meter.wait_for(1, now), milliseconds(90'600));
  EXPECT_EQ(meter.wait_for(1000, now), seconds(150)) << "until it is empty again";
  now = now + seconds(150);
  EXPECT_TRUE(try_take(meter, 1000));
}

TEST_F(RateMeterTest, what_is_given_back_can_be_taken_again) {
  RateMeter meter(100);
  EXPECT_TRUE(try_take(meter, 100));
  meter.give_back(40, now);
  EXPECT_TRUE(try_take(meter, 40));
  EXPECT_FALSE(try_take(meter, 1));
  meter.give_back(1'000'000, now);
  EXPECT_EQ(meter.available(now), 100) << "never more than the bucket holds";
}

TEST_F(RateMeterTest, a_new_limit_keeps_what_was_taken) {
  RateMeter meter(100);
  EXPECT_TRUE(try_take(meter, 80));
  meter.set_limit(60, now);
  EXPECT_EQ(meter.wait_for(1, now), seconds(21)) << "80 in a bucket of 60 that drains 1 per second";
  meter.set_limit(200, now);
  EXPECT_EQ(meter.available(now), 120);
}

TEST_F(RateMeterTest, a_clock_that_stands_still_is_harmless) {
  RateMeter meter(60);
  EXPECT_TRUE(try_take(meter, 60));
  EXPECT_EQ(meter.wait_for(1, now - seconds(5)), seconds(1));
}

// Over any span of random use: no more than one bucket plus the pace, and the wait that is told is
// neither too short nor too long.
TEST_F(RateMeterTest, keeps_its_promise_under_random_use) {
  std::mt19937_64 random(7);
  for (const std::uint64_t limit : {1ULL, 7ULL, 60ULL, 10'000ULL, 1'000'000'000ULL}) {
    RateMeter meter(limit);
    const MonotonicTime begin = now;
    double taken = 0;
    for (int i = 0; i < 20'000; ++i) {
      now = now + Duration(static_cast<std::int64_t>(random() % 3'000'000'000));
      const std::uint64_t amount = 1 + random() % (limit * 2);
      const Duration wait = meter.wait_for(amount, now);
      if (wait > Duration::zero()) {
        EXPECT_EQ(meter.wait_for(amount, now + wait), Duration::zero());
        EXPECT_GT(meter.wait_for(amount, now + wait - Duration(100'000'000 / limit + 1'000)),
                  Duration::zero());
        continue;
      }
      meter.take(amount, now);
      taken += static_cast<double>(amount);
      // A big one may exceed the bucket by itself.
      const double most =
          static_cast<double>(limit) * (2 + static_cast<double>((now - begin).count()) / 60e9);
      ASSERT_LE(taken, most * (1 + 1e-9)) << limit;
    }
  }
}

}  // namespace
}  // namespace penstock::frontend
