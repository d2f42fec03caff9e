#include "worker/watchdog.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/engine/harness.h"

namespace penstock::worker {
namespace {

using engine::RequestHandle;
using engine::StepPhase;
using std::chrono::seconds;

class WatchdogTest : public ::testing::Test {
 protected:
  static constexpr Duration kTimeout = seconds(10);

  WatchdogTest() {
    engine::EngineRequest request = engine::make_request(1, {1, 2, 3}, 5);
    request.arrival = clock_.now();
    harness_.submit(std::move(request));
    while (harness_.engine().phase() != StepPhase::kForward) std::this_thread::yield();
  }

  void look_for(Duration time) {
    for (Duration passed{}; passed < time; passed += watchdog_.interval()) {
      clock_.advance(watchdog_.interval());
      watchdog_.look();
    }
  }
  double gauge(std::string_view name, const metrics::Label& label = {}) {
    return scope_.gauge(name, "", label).value();
  }

  ManualClock clock_;
  engine::StepGate gate_{2};  // the third forward does not come back
  engine::EngineHarness harness_{
      {.clock = &clock_, .model = {.on_forward = [this] { gate_.pass(); }}}};
  metrics::Registry registry_;
  metrics::Scope scope_{registry_, "w", {{"model", "echo"}}};
  Watchdog watchdog_{kTimeout,
                     {.engine = harness_.engine(), .clock = clock_, .ledger = harness_.ledger()},
                     WorkerProbe(scope_)};
};

TEST_F(WatchdogTest, names_the_phase_of_a_held_step_and_takes_it_back_when_steps_go_on) {
  harness_.wait_for_tokens(RequestHandle(1), 2);
  while (harness_.engine().num_steps() < 2 || harness_.engine().phase() != StepPhase::kForward) {
    std::this_thread::yield();
  }
  watchdog_.look();
  const MonotonicTime begin = clock_.now();
  look_for(kTimeout - watchdog_.interval());
  EXPECT_FALSE(watchdog_.stall());
  EXPECT_EQ(gauge("progress_age_seconds"), 9.5);
  look_for(watchdog_.interval());
  ASSERT_TRUE(watchdog_.stall());
  EXPECT_EQ(watchdog_.stall()->phase, StepPhase::kForward);
  EXPECT_EQ(watchdog_.stall()->since, begin);
  EXPECT_EQ(gauge("progress_age_seconds"), 10);

  gate_.open();
  EXPECT_EQ(harness_.wait(RequestHandle(1)).at(0).token_ids.size(), 5U);
  harness_.wait_until_idle();
  look_for(watchdog_.interval());
  EXPECT_FALSE(watchdog_.stall());
  EXPECT_EQ(gauge("progress_age_seconds"), 0);
}

TEST_F(WatchdogTest, shows_uptime_and_what_the_ledger_holds) {
  look_for(seconds(3));
  EXPECT_EQ(gauge("uptime_seconds"), 3);
  EXPECT_EQ(gauge("ledger_held", {"kind", "sequence"}), 1);
  gate_.open();
  harness_.wait_until_idle();
  look_for(watchdog_.interval());
  EXPECT_EQ(gauge("ledger_held", {"kind", "sequence"}), 0);
}

TEST_F(WatchdogTest, looks_by_itself_and_stops_at_once) {
  Watchdog eager(std::chrono::milliseconds(1),
                 {.engine = harness_.engine(), .clock = clock_, .ledger = harness_.ledger()},
                 WorkerProbe(scope_));
  eager.start();
  const MonotonicTime deadline = SystemClock().now() + seconds(30);
  while (!eager.stall()) {
    ASSERT_LT(SystemClock().now(), deadline);
    clock_.advance(seconds(1));
    std::this_thread::yield();
  }
  eager.stop();
  gate_.open();
}

}  // namespace
}  // namespace penstock::worker
