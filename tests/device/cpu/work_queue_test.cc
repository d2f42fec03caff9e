#include "device/cpu/work_queue.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "device/cpu/thread_team.h"

namespace penstock::device {
namespace {

class Queues : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Members, Queues, testing::Values(1, 2, 3, 7));

TEST_P(Queues, every_item_is_done_once) {
  ThreadTeam team(GetParam());
  WorkQueue queue(3, GetParam());
  for (const std::uint32_t grain : {1U, 4U, 1000U}) {
    std::vector<int> counts(101, 0);
    queue.reset();
    team.run([&](int, int) {
      queue.run(0, 101, grain, [&](std::uint32_t first, std::uint32_t count) {
        EXPECT_LE(count, grain);
        for (std::uint32_t i = first; i < first + count; ++i) ++counts[i];
      });
    });
    EXPECT_EQ(counts, std::vector<int>(101, 1));
  }
}

TEST_P(Queues, a_phase_sees_all_of_the_one_before) {
  constexpr std::size_t kPhases = 200;
  ThreadTeam team(GetParam());
  WorkQueue queue(kPhases, GetParam());
  std::vector<int> values(13, 0);
  std::vector<int> next(13, 0);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::fill(values.begin(), values.end(), 1);
    queue.reset();
    team.run([&](int, int) {
      for (std::size_t phase = 0; phase < kPhases; ++phase) {
        auto& from = phase % 2 == 0 ? values : next;
        auto& to = phase % 2 == 0 ? next : values;
        queue.run(phase, 13, 2, [&](std::uint32_t first, std::uint32_t count) {
          for (std::uint32_t i = first; i < first + count; ++i) {
            to[i] = std::accumulate(from.begin(), from.end(), 0) % 97;
          }
        });
      }
    });
    int expected = 1;
    for (std::size_t phase = 0; phase < kPhases; ++phase) expected = expected * 13 % 97;
    EXPECT_EQ(values, std::vector<int>(13, expected));
  }
}

TEST_P(Queues, an_empty_phase_is_passed) {
  ThreadTeam team(GetParam());
  WorkQueue queue(1, GetParam());
  team.run(
      [&](int, int) { queue.run(0, 0, 1, [](std::uint32_t, std::uint32_t) { ADD_FAILURE(); }); });
}

}  // namespace
}  // namespace penstock::device
