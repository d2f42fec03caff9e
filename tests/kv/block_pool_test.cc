#include "kv/block_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "kv/block_table.h"

namespace penstock::kv {
namespace {

TEST(BlockPool, hands_out_every_block_once_and_then_none) {
  BlockPool pool(3, 4);
  std::vector<BlockRef> refs;
  std::set<std::uint32_t> ids;
  while (auto ref = pool.allocate()) {
    ids.insert(ref->id().value());
    refs.push_back(std::move(*ref));
  }
  EXPECT_EQ(ids, (std::set<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(pool.num_free(), 0U);
  refs.pop_back();
  EXPECT_EQ(pool.num_free(), 1U);
}

TEST(BlockPool, frees_a_shared_block_with_its_last_reference) {
  BlockPool pool(1, 4);
  BlockRef first = std::move(*pool.allocate());
  BlockRef second = pool.share(first);
  EXPECT_EQ(pool.ref_count(first.id()), 2U);
  first.reset();
  EXPECT_EQ(pool.num_free(), 0U);
  second.reset();
  EXPECT_EQ(pool.num_free(), 1U);
}

TEST(BlockPool, raises_the_generation_at_each_reuse) {
  BlockPool pool(1, 4);
  const BlockId id{0};
  EXPECT_EQ(pool.generation(id), 0U);
  (void)pool.allocate();
  EXPECT_EQ(pool.generation(id), 1U);
  (void)pool.allocate();
  EXPECT_EQ(pool.generation(id), 2U);
}

TEST(BlockPoolDeathTest, finds_a_block_that_outlives_its_pool) {
  EXPECT_DEATH(
      {
        BlockRef kept;
        BlockPool pool(1, 4);
        kept = std::move(*pool.allocate());
      },
      "kv invariant 1");
}

TEST(BlockPoolDeathTest, finds_a_reference_to_another_pool) {
  BlockPool mine(1, 4);
  BlockPool other(1, 4);
  const BlockRef ref = std::move(*other.allocate());
  EXPECT_DEATH((void)mine.share(ref), "kv invariant 3");
}

TEST(BlockTable, grows_by_whole_blocks_or_not_at_all) {
  BlockPool pool(3, 4);
  BlockTable table(4);
  EXPECT_TRUE(table.grow_to(5, pool));
  EXPECT_EQ(table.num_blocks(), 2U);
  EXPECT_EQ(table.capacity_tokens(), 8U);
  EXPECT_TRUE(table.grow_to(8, pool));
  EXPECT_EQ(pool.num_free(), 1U);
  EXPECT_FALSE(table.grow_to(17, pool));
  EXPECT_EQ(pool.num_free(), 1U);
  table.clear();
  EXPECT_EQ(pool.num_free(), 3U);
}

TEST(BlockTable, shares_a_prefix_without_taking_blocks) {
  BlockPool pool(3, 4);
  BlockTable parent(4);
  ASSERT_TRUE(parent.grow_to(8, pool));
  BlockTable child(4);
  child.share_prefix(parent, 1, pool);
  ASSERT_TRUE(child.grow_to(6, pool));
  EXPECT_EQ(child.block_ids()[0], parent.block_ids()[0]);
  EXPECT_NE(child.block_ids()[1], parent.block_ids()[1]);
  parent.clear();
  EXPECT_EQ(pool.num_active(), 2U);
}

TEST(BlockTable, gives_back_from_the_end_and_hands_out_the_same_blocks_in_order_again) {
  BlockPool pool(4, 4);
  BlockTable table(4);
  table.reserve(4);
  ASSERT_TRUE(table.grow_to(16, pool));
  table.truncate(1);
  EXPECT_EQ(table.num_blocks(), 1U);
  EXPECT_EQ(pool.num_free(), 3U);
  ASSERT_TRUE(table.grow_to(16, pool));
  const auto ids = table.block_ids();
  EXPECT_EQ(std::vector(ids.begin(), ids.end()), (std::vector<std::uint32_t>{0, 1, 2, 3}));
  table.truncate(7);
  EXPECT_EQ(table.num_blocks(), 4U) << "there is nothing behind the end";
}

TEST(BlockTable, takes_over_blocks_one_by_one) {
  BlockPool pool(3, 4);
  BlockTable table(4);
  table.append(std::move(*pool.allocate()));
  table.append(std::move(*pool.allocate()));
  table.replace(0, std::move(*pool.allocate()));
  const auto ids = table.block_ids();
  EXPECT_EQ(std::vector(ids.begin(), ids.end()), (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(pool.num_active(), 2U);
}

TEST(BlockTable, gives_its_own_blocks_back_when_it_is_assigned_to) {
  BlockPool pool(3, 4);
  BlockTable mine(4);
  BlockTable other(4);
  ASSERT_TRUE(mine.grow_to(8, pool));
  ASSERT_TRUE(other.grow_to(4, pool));
  mine = std::move(other);
  EXPECT_EQ(mine.num_blocks(), 1U);
  EXPECT_EQ(pool.num_active(), 1U);
}

// A model of the pool as plain sets, under random operations.
TEST(BlockPool, agrees_with_a_reference_model_under_random_operations) {
  std::mt19937 random(7);
  BlockPool pool(17, 4);
  std::vector<BlockRef> refs;
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < 200'000; ++i) {
    const unsigned choice = random() % 4;
    if (choice == 0) {
      auto ref = pool.allocate();
      ASSERT_EQ(ref.has_value(), counts.size() < 17);
      if (ref) {
        ASSERT_EQ(counts[ref->id().value()]++, 0);
        refs.push_back(std::move(*ref));
      }
    } else if (!refs.empty()) {
      const std::size_t at = random() % refs.size();
      const std::uint32_t id = refs[at].id().value();
      if (choice == 1 && refs.size() < 60) {
        refs.push_back(pool.share(refs[at]));
        ++counts[id];
      } else {
        std::swap(refs[at], refs.back());
        refs.pop_back();
        if (--counts[id] == 0) counts.erase(id);
      }
    }
    ASSERT_EQ(pool.num_active(), counts.size());
  }
  for (const auto& [id, count] : counts) {
    EXPECT_EQ(pool.ref_count(BlockId(id)), static_cast<std::uint32_t>(count));
  }
}

}  // namespace
}  // namespace penstock::kv
