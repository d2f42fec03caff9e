#include "base/spsc_ring.h"

#include <gtest/gtest.h>

#include <thread>

namespace penstock {
namespace {

TEST(SpscRing, gives_items_in_order_and_refuses_when_full) {
  SpscRing<int> ring(3);
  EXPECT_EQ(ring.try_pop(), std::nullopt);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ring.try_push(i));
  EXPECT_FALSE(ring.try_push(3));
  EXPECT_EQ(ring.try_pop(), 0);
  EXPECT_TRUE(ring.try_push(4)) << "a slot is free again";
  EXPECT_EQ(ring.try_pop(), 1);
  EXPECT_EQ(ring.try_pop(), 2);
  EXPECT_EQ(ring.try_pop(), 4);
  EXPECT_EQ(ring.try_pop(), std::nullopt);
}

TEST(SpscRing, loses_and_reorders_nothing_between_two_threads) {
  constexpr int kItems = 20'000;
  SpscRing<int> ring(64);
  std::thread producer([&] {
    for (int i = 0; i < kItems;) {
      if (ring.try_push(i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  for (int expected = 0; expected < kItems;) {
    if (const auto item = ring.try_pop()) {
      ASSERT_EQ(*item, expected);
      ++expected;
    } else {
      std::this_thread::yield();
    }
  }
  producer.join();
}

}  // namespace
}  // namespace penstock
