#include "base/bounded_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "base/thread.h"

namespace penstock {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(BoundedQueue, gives_items_back_in_order) {
  BoundedQueue<int> queue(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_push(std::move(i)));
  EXPECT_EQ(queue.pop(seconds(0)), 0);
  EXPECT_THAT(queue.drain(), testing::ElementsAre(1, 2));
  EXPECT_EQ(queue.size(), 0U);
}

TEST(BoundedQueue, refuses_when_full_and_leaves_the_item_alone) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  EXPECT_TRUE(queue.try_push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(queue.try_push(std::move(second)));
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(*second, 2);
}

TEST(BoundedQueue, pop_gives_up_at_its_timeout) {
  BoundedQueue<int> queue(1);
  const SystemClock clock;
  const MonotonicTime begin = clock.now();
  EXPECT_EQ(queue.pop(milliseconds(20)), std::nullopt);
  EXPECT_GE(clock.now() - begin, milliseconds(20));
}

TEST(BoundedQueue, once_closed_takes_nothing_and_gives_what_is_left) {
  BoundedQueue<int> queue(4);
  EXPECT_TRUE(queue.try_push(1));
  queue.close();
  EXPECT_TRUE(queue.is_closed());
  EXPECT_FALSE(queue.try_push(2));
  EXPECT_EQ(queue.pop(seconds(10)), 1);
  EXPECT_EQ(queue.pop(seconds(10)), std::nullopt) << "and does not wait for what cannot come";
}

TEST(BoundedQueue, close_wakes_who_waits) {
  BoundedQueue<int> queue(1);
  NamedThread waiter("waiter", [&] { EXPECT_EQ(queue.pop(seconds(60)), std::nullopt); });
  NamedThread watcher("watcher", [&] { queue.wait(seconds(60)); });
  queue.close();
  waiter.join();
  watcher.join();
}

TEST(BoundedQueue, hands_each_item_to_exactly_one_consumer) {
  constexpr int kProducers = 3;
  constexpr int kItems = 2000;
  BoundedQueue<int> queue(8);
  std::array<std::vector<int>, 2> taken;
  std::vector<NamedThread> consumers;
  for (auto& mine : taken) {
    consumers.emplace_back("consumer", [&] {
      while (const auto item = queue.pop(seconds(60))) mine.push_back(*item);
    });
  }
  std::vector<NamedThread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back("producer", [&, p] {
      for (int i = 0; i < kItems; ++i) {
        while (!queue.try_push(p * kItems + i)) std::this_thread::yield();
      }
    });
  }
  for (NamedThread& thread : producers) thread.join();
  queue.close();
  for (NamedThread& thread : consumers) thread.join();

  std::set<int> seen;
  for (const auto& mine : taken) seen.insert(mine.begin(), mine.end());
  EXPECT_EQ(taken[0].size() + taken[1].size(), std::size_t{kProducers * kItems});
  EXPECT_EQ(seen.size(), std::size_t{kProducers * kItems});
}

}  // namespace
}  // namespace penstock
