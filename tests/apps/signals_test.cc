#include "penstock/signals.h"

#include <gtest/gtest.h>

#include <csignal>

namespace penstock::apps {
namespace {

// Signals that are blocked wait for whoever asks: no second thread is needed.
class Signals : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { block_signals(); }
};

TEST_F(Signals, a_hang_up_reads_every_file_again_even_after_a_bad_one) {
  ReloadList reloads;
  std::string read;
  reloads.add("first", [&]() -> Status {
    read += "first ";
    return make_error(ErrorCode::kInvalid, "line 3 is wrong");
  });
  reloads.add("second", [&]() -> Status {
    read += "second ";
    return {};
  });
  std::raise(SIGHUP);
  std::raise(SIGTERM);
  // The kernel gives the lower number first: SIGHUP is 1.
  EXPECT_EQ(wait_for_stop(std::chrono::seconds(10), reloads), StopSignal::kTerminate);
  EXPECT_EQ(read, "first second ");
}

TEST_F(Signals, without_a_signal_the_wait_ends_with_its_time) {
  EXPECT_EQ(wait_for_stop(std::chrono::milliseconds(1), {}), std::nullopt);
  std::raise(SIGHUP);
  EXPECT_EQ(wait_for_stop(std::chrono::milliseconds(1), {}), std::nullopt)
      << "a hang-up is no reason to stop";
}

TEST_F(Signals, each_stop_signal_is_told_apart) {
  std::raise(SIGINT);
  EXPECT_EQ(wait_for_stop(std::chrono::seconds(10), {}), StopSignal::kInterrupt);
  std::raise(SIGQUIT);
  EXPECT_EQ(wait_for_stop(std::chrono::seconds(10), {}), StopSignal::kQuit);
}

}  // namespace
}  // namespace penstock::apps
