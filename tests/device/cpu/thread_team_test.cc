#include "device/cpu/thread_team.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <numeric>
#include <vector>

namespace penstock::device {
namespace {

class Teams : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Teams, testing::Values(1, 2, 3, 7));

TEST_P(Teams, every_member_runs_once_per_run) {
  ThreadTeam team(GetParam());
  EXPECT_EQ(team.num_members(), GetParam());
  std::vector<int> calls(static_cast<std::size_t>(GetParam()), 0);
  for (int i = 0; i < 200; ++i) {
    team.run([&](int member, int num_members) {
      EXPECT_EQ(num_members, GetParam());
      ++calls[static_cast<std::size_t>(member)];
    });
  }
  for (const int n : calls) EXPECT_EQ(n, 200);
}

TEST_P(Teams, writes_before_a_barrier_are_seen_after_it) {
  ThreadTeam team(GetParam());
  const auto size = static_cast<std::size_t>(GetParam());
  std::vector<int> values(size, 0);
  std::vector<int> sums(size, 0);
  team.run([&](int member, int) {
    const auto me = static_cast<std::size_t>(member);
    for (int round = 1; round <= 300; ++round) {
      values[me] = round;
      team.barrier();
      sums[me] += std::accumulate(values.begin(), values.end(), 0);
      team.barrier();
    }
  });
  for (const int sum : sums) EXPECT_EQ(sum, GetParam() * 300 * 301 / 2);
}

TEST_P(Teams, a_team_that_never_ran_can_be_destroyed) {
  const ThreadTeam team(GetParam());
}

TEST_P(Teams, the_caller_sees_what_members_wrote) {
  ThreadTeam team(GetParam());
  std::array<int, 8> wrote{};
  for (int i = 1; i <= 100; ++i) {
    team.run([&](int member, int) { wrote[static_cast<std::size_t>(member)] = i; });
    EXPECT_EQ(std::accumulate(wrote.begin(), wrote.end(), 0), i * GetParam());
  }
}

}  // namespace
}  // namespace penstock::device
