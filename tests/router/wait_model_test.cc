#include "router/wait_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace penstock::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

double in_seconds(std::optional<Duration> wait) {
  return static_cast<double>(wait.value().count()) * 1e-9;
}

// A model of a worker with sequences of 200 tokens that run for 2 s.
WaitModel learned() {
  WaitModel model;
  for (int i = 0; i < 500; ++i) model.served(seconds(2), 200);
  return model;
}

TEST(WaitModel, what_runs_at_once_waits_for_nobody) {
  WaitModel model = learned();
  EXPECT_EQ(model.wait(0), Duration::zero());
  model.joined(0, 100);
  model.set_load(50, 0);
  EXPECT_EQ(model.wait(0), Duration::zero()) << "nothing waits at the worker";
}

TEST(WaitModel, nothing_is_known_of_a_worker_that_has_served_nobody) {
  WaitModel model;
  model.joined(0, 10);
  model.set_load(4, 6);
  EXPECT_EQ(model.wait(0), std::nullopt);
  EXPECT_EQ(model.service(100), Duration::zero());
}

TEST(WaitModel, wait_is_those_ahead_over_the_rate_at_which_the_running_end) {
  WaitModel model = learned();
  model.joined(0, 300);
  model.set_load(50, 300);  // 25 end each second
  EXPECT_NEAR(in_seconds(model.wait(0)), 12.0, 1e-6);
}

// Against a queue that is simulated: places, and arrivals that find all of them taken.
TEST(WaitModel, foretells_the_wait_of_a_simulated_worker) {
  constexpr int kPlaces = 8;
  WaitModel model;
  std::deque<double> ends;  // of what runs, in seconds
  double now = 0;
  for (int i = 0; i < kPlaces; ++i) ends.push_back(0.1 * (i + 1));
  for (int i = 0; i < 200; ++i) model.joined(0, 1);
  model.set_load(kPlaces, 200);
  for (int begun = 0; begun < 200; ++begun) {
    now = ends.front();
    ends.pop_front();
    const double takes = 0.5 + 0.01 * (begun % 60);
    ends.insert(std::ranges::upper_bound(ends, now + takes), now + takes);
    model.served(Duration(static_cast<std::int64_t>(takes * 1e9)), 10);
    model.left(0, 1);
    model.set_load(kPlaces, static_cast<std::uint32_t>(199 - begun));
    if (begun != 100) continue;
    // 99 are ahead, which takes a mean of 0.795 s each on 8 places.
    EXPECT_NEAR(in_seconds(model.wait(0)), 99 * 0.795 / kPlaces, 1.0);
  }
  EXPECT_EQ(model.wait(0), Duration::zero());
}

TEST(WaitModel, follows_sequences_that_become_longer) {
  WaitModel model = learned();
  model.joined(0, 100);
  model.set_load(10, 100);
  for (int i = 0; i < 500; ++i) model.served(seconds(8), 800);
  EXPECT_NEAR(in_seconds(model.wait(0)), 80.0, 1.0);
}

TEST(WaitModel, only_equal_and_higher_bands_are_ahead) {
  WaitModel model = learned();
  model.joined(0, 100);
  model.joined(2, 50);
  model.set_load(10, 150);
  EXPECT_NEAR(in_seconds(model.wait(0)), 30.0, 1e-6);
  EXPECT_NEAR(in_seconds(model.wait(1)), 10.0, 1e-6);
  EXPECT_NEAR(in_seconds(model.wait(2)), 10.0, 1e-6);
  EXPECT_NEAR(in_seconds(model.wait(3)), 0.0, 1e-6);
  model.left(0, 100);
  model.left(2, 50);
  EXPECT_EQ(model.num_ahead(0), 0U);
}

TEST(WaitModel, service_is_the_part_of_a_usual_output_that_is_asked_for) {
  const WaitModel model = learned();
  EXPECT_NEAR(in_seconds(model.service(50)), 0.5, 1e-6);
  EXPECT_NEAR(in_seconds(model.service(5000)), 2.0, 1e-6);
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
