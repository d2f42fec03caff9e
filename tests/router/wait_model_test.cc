#include "router/wait_model.h"

#include <gtest/gtest.h>

namespace penstock::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A worker that begins `rate` prompts of 100 tokens a second, with `num_waiting` always waiting.
class Backlog {
 public:
  explicit Backlog(int num_waiting) {
    for (int i = 0; i < num_waiting; ++i) model.joined(0, 100);
    model.set_backlogged(true, now);
  }
  void run(Duration time, int rate) {
    const MonotonicTime end = now + time;
    while (now < end) {
      now = now + Duration(seconds(1)) / rate;
      model.started(0, 100, now);
      model.joined(0, 100);
    }
  }
  double wait_s(std::uint32_t band = 0) const {
    return static_cast<double>(model.wait(band, now).value().count()) * 1e-9;
  }

  WaitModel model;
  MonotonicTime now = MonotonicTime{} + seconds(1000);
};

TEST(WaitModel, an_idle_worker_has_no_wait) {
  WaitModel model;
  EXPECT_EQ(model.wait(0, {}), Duration::zero());
  model.joined(0, 100);
  EXPECT_EQ(model.wait(0, {}), Duration::zero()) << "it runs at once: nothing waits at the worker";
}

TEST(WaitModel, no_rate_is_known_before_something_has_left_a_queue) {
  Backlog backlog(10);
  EXPECT_EQ(backlog.model.wait(0, backlog.now + milliseconds(100)), std::nullopt);
  EXPECT_EQ(backlog.model.wait(0, backlog.now + seconds(10)), std::nullopt);
}

TEST(WaitModel, wait_is_the_queue_over_its_drain_rate) {
  Backlog backlog(500);
  backlog.run(seconds(5), 50);
  EXPECT_NEAR(backlog.wait_s(), 10.0, 0.3);
}

TEST(WaitModel, follows_a_worker_that_becomes_slower_within_a_few_half_lives) {
  Backlog backlog(500);
  backlog.run(seconds(60), 50);
  backlog.run(seconds(80), 10);
  EXPECT_NEAR(backlog.wait_s(), 50.0, 2.0);
}

TEST(WaitModel, time_without_a_queue_teaches_nothing) {
  Backlog backlog(100);
  backlog.run(seconds(20), 50);
  const double busy = backlog.wait_s();
  backlog.model.set_backlogged(false, backlog.now);
  backlog.now = backlog.now + seconds(600);
  EXPECT_EQ(backlog.wait_s(), 0);
  backlog.model.set_backlogged(true, backlog.now);
  EXPECT_NEAR(backlog.wait_s(), busy, 0.1);
}

TEST(WaitModel, those_who_empty_a_queue_count_to_its_rate) {
  Backlog backlog(0);
  for (int round = 0; round < 20; ++round) {
    backlog.model.set_backlogged(true, backlog.now);
    for (int i = 0; i < 50; ++i) backlog.model.joined(0, 100);
    backlog.now = backlog.now + seconds(1);
    backlog.model.set_backlogged(false, backlog.now);  // the report of the step that took them all
    for (int i = 0; i < 50; ++i) backlog.model.started(0, 100, backlog.now);
  }
  backlog.model.set_backlogged(true, backlog.now);
  for (int i = 0; i < 100; ++i) backlog.model.joined(0, 100);
  EXPECT_NEAR(backlog.wait_s(), 2.0, 0.2);
}

TEST(WaitModel, only_equal_and_higher_bands_are_ahead) {
  Backlog backlog(100);
  backlog.run(seconds(20), 100);
  backlog.model.joined(2, 10'000);
  EXPECT_NEAR(backlog.wait_s(0), 2.0, 0.1);
  EXPECT_NEAR(backlog.wait_s(2), 1.0, 0.1);
  EXPECT_EQ(backlog.wait_s(3), 0);
}

TEST(WaitModel, those_who_give_up_are_not_ahead_any_more_and_count_to_no_rate) {
  Backlog backlog(100);
  backlog.run(seconds(20), 50);
  for (int i = 0; i < 50; ++i) backlog.model.gave_up(0, 100);
  EXPECT_NEAR(backlog.wait_s(), 1.0, 0.1);
}

TEST(WaitModel, service_is_no_longer_than_the_usual_output_or_the_wanted_one) {
  WaitModel model;
  EXPECT_EQ(model.service(100), Duration::zero());
  for (int i = 0; i < 200; ++i) model.served(seconds(2), 200);
  EXPECT_NEAR(static_cast<double>(model.service(50).count()) * 1e-9, 0.5, 1e-6);
  EXPECT_NEAR(static_cast<double>(model.service(5000).count()) * 1e-9, 2.0, 1e-6);
}

TEST(RetryAfter, whole_seconds_between_one_and_sixty_spread_by_chance) {
  EXPECT_EQ(retry_after_s(std::nullopt, 0.5), 1U);
  EXPECT_EQ(retry_after_s(Duration::zero(), 0.5), 1U);
  EXPECT_EQ(retry_after_s(milliseconds(9'500), 0), 10U);
  EXPECT_EQ(retry_after_s(milliseconds(10'000), 0.99), 12U);
  EXPECT_EQ(retry_after_s(seconds(3600), 0), 60U);
}

}  // namespace
}  // namespace penstock::router
