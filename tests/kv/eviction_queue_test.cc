#include "kv/eviction_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace penstock::kv {
namespace {

TEST(EvictionQueue, gives_the_longest_unused_block_first) {
  EvictionQueue queue(4);
  queue.insert(BlockId(0), {0, 30});
  queue.insert(BlockId(1), {0, 10});
  queue.insert(BlockId(2), {0, 20});
  EXPECT_EQ(queue.pop(), BlockId(1));
  EXPECT_EQ(queue.pop(), BlockId(2));
  EXPECT_EQ(queue.pop(), BlockId(0));
  EXPECT_FALSE(queue.pop().has_value());
}

TEST(EvictionQueue, lets_priority_outweigh_any_last_use) {
  EvictionQueue queue(3);
  queue.insert(BlockId(0), {1, 1});
  queue.insert(BlockId(1), {0, 1'000'000});
  EXPECT_EQ(queue.pop(), BlockId(1));
  EXPECT_EQ(queue.pop(), BlockId(0));
}

TEST(EvictionQueue, agrees_with_an_ordered_map_under_random_operations) {
  constexpr std::uint32_t kBlocks = 50;
  std::mt19937 random(11);
  EvictionQueue queue(kBlocks);
  std::map<EvictionKey, std::uint32_t> expected;
  std::map<std::uint32_t, EvictionKey> keys;
  for (std::uint64_t tick = 0; tick < 200'000; ++tick) {
    const std::uint32_t block = random() % kBlocks;
    ASSERT_EQ(queue.contains(BlockId(block)), keys.contains(block));
    if (random() % 4 == 0) {
      const auto popped = queue.pop();
      ASSERT_EQ(popped.has_value(), !expected.empty());
      if (!popped) continue;
      ASSERT_EQ(popped->value(), expected.begin()->second);
      keys.erase(popped->value());
      expected.erase(expected.begin());
    } else if (keys.contains(block)) {
      queue.remove(BlockId(block));
      expected.erase(keys.at(block));
      keys.erase(block);
    } else {
      // Last uses in any order: a parent comes in with an older one than its children had.
      const EvictionKey key{static_cast<RetentionPriority>(random() % 3),
                            (std::uint64_t{random() % 1000} << 32U) + tick};
      queue.insert(BlockId(block), key);
      expected.emplace(key, block);
      keys.emplace(block, key);
    }
    ASSERT_EQ(queue.size(), expected.size());
  }
}

TEST(EvictionQueueDeathTest, finds_a_block_that_comes_twice_or_leaves_twice) {
  EvictionQueue queue(2);
  queue.insert(BlockId(0), {0, 1});
  EXPECT_DEATH(queue.insert(BlockId(0), {0, 2}), "is in the eviction queue");
  EXPECT_DEATH(queue.remove(BlockId(1)), "is not in the eviction queue");
}

}  // namespace
}  // namespace penstock::kv
