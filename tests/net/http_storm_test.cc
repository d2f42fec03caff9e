// A small storm, between processes: the crowds are held off and ordinary clients served. How little
// they feel of the large one is bench/net/storm_bench.cc's to show.
#include <gtest/gtest.h>

#include "bench/net/storm.h"

namespace penstock::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(HttpStorm, crowds_are_held_off_and_ordinary_clients_served) {
  const StormPlan plan{.num_drippers = 100,
                       .num_never_readers = 100,
                       .num_idle = 500,
                       .drip_interval = milliseconds(100),
                       .header_timeout = seconds(1),
                       .measured = seconds(3),
                       .num_rounds = 1,
                       .requests_per_second = 100};
  const auto report = run_storm(plan);
  ASSERT_TRUE(report) << report.error().message();
  const StormRound& round = report->rounds.front();
  EXPECT_EQ(round.calm.server.num_failed, 0);
  EXPECT_EQ(round.storm.server.num_failed, 0);
  EXPECT_EQ(round.storm.server.num_requests, 300);
  // Each dripper was closed at least once, and not before its time.
  EXPECT_GE(round.drippers.num_closed_by_server, plan.num_drippers);
  EXPECT_GE(round.drippers.slowest_close_ms, 1000);
  EXPECT_LT(round.drippers.slowest_close_ms, 11'000);  // a busy machine's share included
  EXPECT_GE(round.never_readers.num_opened, plan.num_never_readers);
  EXPECT_EQ(round.idle.num_opened, plan.num_idle);
  EXPECT_EQ(round.idle.num_closed_by_server, 0);
}

}  // namespace
}  // namespace penstock::net
