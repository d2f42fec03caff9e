#include "kv/prefix_cache.h"

#include <gtest/gtest.h>

#include <numeric>

#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/sequence_hash.h"

namespace penstock::kv {
namespace {

using Insertion = PrefixCache::Insertion;

constexpr std::uint32_t kBlockSize = 2;

TokenChain chain_of(const std::vector<std::uint32_t>& tokens, std::uint64_t seed = kChainSeed) {
  return TokenChain({.block_size = kBlockSize, .seed = seed}, tokens);
}

std::optional<BlockId> block_before(const BlockTable& table, std::uint32_t i) {
  if (i == 0) return std::nullopt;
  return BlockId(table.block_ids()[i - 1]);
}

// Blocks for all of the chain, computed and stored.
BlockTable compute(BlockPool& pool, const TokenChain& chain) {
  BlockTable table(kBlockSize);
  EXPECT_TRUE(table.grow_to(chain.size(), pool));
  for (std::uint32_t i = 0; i < chain.num_full_blocks(); ++i) {
    EXPECT_EQ(
        pool.cache().insert_stored(chain, i, block_before(table, i), BlockId(table.block_ids()[i])),
        Insertion::kInserted);
  }
  return table;
}

std::vector<BlockId> match(const BlockPool& pool, const TokenChain& chain) {
  std::vector<BlockId> out;
  pool.cache().match(chain, 0, chain.num_full_blocks(), std::nullopt, out);
  return out;
}

BlockTable reuse(BlockPool& pool, const TokenChain& chain) {
  BlockTable table(kBlockSize);
  for (const BlockId block : match(pool, chain)) table.append(pool.reference(block));
  return table;
}

std::vector<std::uint32_t> ids(const std::vector<BlockId>& blocks) {
  std::vector<std::uint32_t> out;
  for (const BlockId block : blocks) out.push_back(block.value());
  return out;
}

TEST(PrefixCache, matches_the_longest_prefix_that_it_holds) {
  BlockPool pool(8, kBlockSize);
  const BlockTable table = compute(pool, chain_of({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(ids(match(pool, chain_of({1, 2, 3, 4, 5, 6, 7, 8}))),
            (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(ids(match(pool, chain_of({1, 2, 3, 4, 9, 9}))), (std::vector<std::uint32_t>{0, 1}));
  EXPECT_TRUE(match(pool, chain_of({3, 4, 5, 6})).empty()) << "a block's name covers its prefix";
}

TEST(PrefixCache, goes_on_matching_from_a_block_in_the_middle) {
  BlockPool pool(8, kBlockSize);
  const TokenChain chain = chain_of({1, 2, 3, 4, 5, 6, 7, 8});
  const BlockTable table = compute(pool, chain);
  std::vector<BlockId> out;
  pool.cache().match(chain, 2, 3, BlockId(1), out);
  EXPECT_EQ(ids(out), (std::vector<std::uint32_t>{2}));
}

TEST(PrefixCache, keeps_chains_of_different_seeds_apart) {
  BlockPool pool(8, kBlockSize);
  const BlockTable table = compute(pool, chain_of({1, 2, 3, 4}, hash_seed("", "tenant-a")));
  EXPECT_TRUE(match(pool, chain_of({1, 2, 3, 4}, hash_seed("", "tenant-b"))).empty());
}

TEST(PrefixCache, keeps_the_content_of_a_sequence_that_ended) {
  BlockPool pool(4, kBlockSize);
  const TokenChain chain = chain_of({1, 2, 3, 4});
  {
    const BlockTable table = compute(pool, chain);
  }
  EXPECT_EQ(pool.num_active(), 0U);
  EXPECT_EQ(pool.num_cached(), 2U);
  EXPECT_EQ(pool.num_free(), 2U);
  EXPECT_EQ(pool.num_available(), 4U);
  const BlockTable again = reuse(pool, chain);
  EXPECT_EQ(again.num_blocks(), 2U);
  EXPECT_EQ(pool.num_active(), 2U);
  EXPECT_EQ(pool.num_cached(), 0U);
}

TEST(PrefixCache, evicts_only_when_nothing_is_free_and_then_the_longest_unused_leaf) {
  BlockPool pool(4, kBlockSize);
  {
    const BlockTable table = compute(pool, chain_of({1, 2, 3, 4}));
  }
  {
    const BlockTable table = compute(pool, chain_of({7, 8, 9, 10}));
  }
  {
    const BlockTable table = reuse(pool, chain_of({1, 2, 3, 4}));
  }
  std::vector<BlockRef> taken;
  std::vector<std::uint32_t> order;
  while (auto ref = pool.allocate()) {
    order.push_back(ref->id().value());
    taken.push_back(std::move(*ref));
  }
  EXPECT_EQ(order, (std::vector<std::uint32_t>{3, 2, 1, 0})) << "children before parents";
  EXPECT_EQ(pool.cache().num_evicted(), 4U);
  EXPECT_EQ(pool.cache().num_stored(), 0U);
}

TEST(PrefixCache, evicts_no_referenced_block) {
  BlockPool pool(3, kBlockSize);
  const BlockTable kept = compute(pool, chain_of({1, 2, 3, 4}));
  {
    const BlockTable longer = compute(pool, chain_of({9, 9}));
  }
  BlockTable other(kBlockSize);
  EXPECT_FALSE(other.grow_to(3, pool));
  EXPECT_TRUE(other.grow_to(2, pool));
  EXPECT_FALSE(pool.allocate().has_value());
  EXPECT_EQ(match(pool, chain_of({1, 2, 3, 4})).size(), 2U);
}

TEST(PrefixCache, keeps_a_shared_prefix_longer_than_the_branches_that_use_it) {
  BlockPool pool(4, kBlockSize);
  BlockTable first = compute(pool, chain_of({1, 2, 3, 4}));
  const TokenChain branch = chain_of({1, 2, 5, 6});
  BlockTable second = reuse(pool, branch);
  ASSERT_TRUE(second.grow_to(4, pool));
  ASSERT_EQ(pool.cache().insert_stored(branch, 1, BlockId(0), BlockId(second.block_ids()[1])),
            Insertion::kInserted);
  second.clear();
  EXPECT_EQ(pool.num_cached(), 1U) << "the first one still holds the root";
  first.clear();
  EXPECT_EQ(pool.num_cached(), 3U);
  std::vector<BlockRef> taken;
  std::vector<std::uint32_t> order;
  while (auto ref = pool.allocate()) {
    order.push_back(ref->id().value());
    taken.push_back(std::move(*ref));
  }
  EXPECT_EQ(order, (std::vector<std::uint32_t>{3, 2, 1, 0}));
}

TEST(PrefixCache, keeps_content_of_higher_priority_longer) {
  BlockPool pool(2, kBlockSize);
  {
    const BlockTable table = compute(pool, chain_of({1, 2}));
  }
  {
    const BlockTable table = compute(pool, chain_of({3, 4}));
  }
  const BlockId precious = match(pool, chain_of({1, 2})).at(0);
  pool.cache().set_priority(precious, 1);
  const BlockRef first = std::move(*pool.allocate());
  EXPECT_NE(first.id(), precious);
  const BlockRef second = std::move(*pool.allocate());
  EXPECT_EQ(second.id(), precious);
  pool.cache().set_priority(precious, 5);  // not in the cache: nothing to keep
}

TEST(PrefixCache, lets_batch_mates_use_a_pending_block) {
  BlockPool pool(4, kBlockSize);
  const TokenChain chain = chain_of({1, 2, 3, 4});
  BlockTable table(kBlockSize);
  ASSERT_TRUE(table.grow_to(4, pool));
  ASSERT_EQ(pool.cache().insert_pending(chain, 0, std::nullopt, BlockId(0)), Insertion::kInserted);
  ASSERT_EQ(pool.cache().insert_pending(chain, 1, BlockId(0), BlockId(1)), Insertion::kInserted);
  EXPECT_TRUE(pool.cache().is_pending(BlockId(0)));
  BlockTable mate = reuse(pool, chain);
  EXPECT_EQ(mate.num_blocks(), 2U);
  EXPECT_EQ(pool.ref_count(BlockId(0)), 2U);
  EXPECT_TRUE(pool.cache().take_events().empty()) << "not computed yet";
  pool.cache().commit(BlockId(0));
  pool.cache().commit(BlockId(1));
  pool.cache().commit(BlockId(1));
  EXPECT_EQ(pool.cache().take_events().size(), 1U);
  EXPECT_EQ(pool.cache().num_stored(), 2U);
}

TEST(PrefixCache, forgets_a_withdrawn_block_without_a_word) {
  BlockPool pool(4, kBlockSize);
  const TokenChain chain = chain_of({1, 2});
  BlockTable table(kBlockSize);
  ASSERT_TRUE(table.grow_to(2, pool));
  ASSERT_EQ(pool.cache().insert_pending(chain, 0, std::nullopt, BlockId(0)), Insertion::kInserted);
  pool.cache().withdraw(BlockId(0));
  EXPECT_TRUE(match(pool, chain).empty());
  EXPECT_FALSE(pool.cache().contains(BlockId(0)));
  table.clear();
  EXPECT_EQ(pool.num_free(), 4U);
  EXPECT_TRUE(pool.cache().take_events().empty());
}

TEST(PrefixCache, calls_equal_content_a_duplicate_and_says_where_it_is) {
  BlockPool pool(4, kBlockSize);
  const TokenChain chain = chain_of({1, 2});
  const BlockTable first = compute(pool, chain);
  BlockTable second(kBlockSize);
  ASSERT_TRUE(second.grow_to(2, pool));
  ASSERT_EQ(pool.cache().insert_stored(chain, 0, std::nullopt, BlockId(second.block_ids()[0])),
            Insertion::kDuplicate);
  const auto holder = pool.cache().find(chain, 0, std::nullopt);
  ASSERT_EQ(holder, BlockId(first.block_ids()[0]));
  second.replace(0, pool.reference(*holder));
  EXPECT_EQ(pool.num_active(), 1U);
  EXPECT_EQ(pool.ref_count(*holder), 2U);
  EXPECT_EQ(second.block_ids()[0], first.block_ids()[0]);
}

// Two contents with one hash; the names are forged, since real ones are hard to come by.
TEST(PrefixCache, never_takes_an_equal_hash_for_equal_content) {
  const std::vector<std::uint32_t> mine = {1, 2};
  const std::vector<std::uint32_t> theirs = {3, 4};
  const BlockContent held{SequenceHash(42), LocalHash(1), kChainSeed, 0, mine};
  BlockContent other_tokens = held;
  other_tokens.tokens = theirs;
  BlockContent other_seed = held;
  other_seed.seed = 99;
  BlockContent other_objects = held;
  other_objects.local_hash = LocalHash(2);
  for (const BlockContent& other : {other_tokens, other_seed, other_objects}) {
    BlockPool pool(4, kBlockSize);
    PrefixCache& cache = pool.cache();
    const BlockRef block = std::move(*pool.allocate());
    const BlockRef second = std::move(*pool.allocate());
    ASSERT_EQ(cache.insert_stored(held, std::nullopt, block.id()), Insertion::kInserted);
    EXPECT_FALSE(cache.find(other, std::nullopt).has_value());
    EXPECT_EQ(cache.insert_stored(other, std::nullopt, second.id()), Insertion::kUncacheable);
    EXPECT_EQ(cache.num_collisions(), 1U);
    EXPECT_FALSE(cache.contains(second.id()));
    EXPECT_EQ(cache.find(held, std::nullopt), block.id());
  }
}

TEST(PrefixCache, never_takes_equal_tokens_after_another_prefix_for_equal_content) {
  const std::vector<std::uint32_t> root = {1, 2};
  const std::vector<std::uint32_t> other_root = {3, 4};
  const std::vector<std::uint32_t> child = {5, 6};
  const BlockContent held{SequenceHash(42), LocalHash(9), kChainSeed, 1, child};
  BlockPool pool(4, kBlockSize);
  PrefixCache& cache = pool.cache();
  std::vector<BlockRef> refs;
  for (int i = 0; i < 4; ++i) refs.push_back(std::move(*pool.allocate()));
  ASSERT_EQ(cache.insert_stored({SequenceHash(1), LocalHash(1), kChainSeed, 0, root}, std::nullopt,
                                BlockId(0)),
            Insertion::kInserted);
  ASSERT_EQ(cache.insert_stored({SequenceHash(2), LocalHash(2), kChainSeed, 0, other_root},
                                std::nullopt, BlockId(1)),
            Insertion::kInserted);
  ASSERT_EQ(cache.insert_stored(held, BlockId(0), BlockId(2)), Insertion::kInserted);
  EXPECT_FALSE(cache.find(held, BlockId(1)).has_value());
  EXPECT_EQ(cache.insert_stored(held, BlockId(1), BlockId(3)), Insertion::kUncacheable);
  while (!refs.empty()) refs.pop_back();
}

TEST(PrefixCache, caches_nothing_after_a_block_that_is_not_cached) {
  BlockPool pool(4, kBlockSize);
  const TokenChain chain = chain_of({1, 2, 3, 4});
  BlockTable table(kBlockSize);
  ASSERT_TRUE(table.grow_to(4, pool));
  EXPECT_EQ(pool.cache().insert_stored(chain, 1, BlockId(0), BlockId(1)), Insertion::kUncacheable);
  EXPECT_EQ(pool.cache().num_collisions(), 0U);
}

TEST(PrefixCache, clears_what_is_unreferenced_now_and_the_rest_when_it_is_given_back) {
  BlockPool pool(6, kBlockSize);
  const TokenChain live = chain_of({1, 2, 3, 4, 5, 6});
  {
    const BlockTable ended = compute(pool, chain_of({7, 8}));
  }
  BlockTable table(kBlockSize);
  ASSERT_TRUE(table.grow_to(6, pool));
  for (std::uint32_t i = 0; i < 2; ++i) {
    ASSERT_EQ(
        pool.cache().insert_stored(live, i, block_before(table, i), BlockId(table.block_ids()[i])),
        Insertion::kInserted);
  }
  EXPECT_EQ(pool.clear_cache(), 1U);
  EXPECT_EQ(pool.num_cached(), 0U);
  EXPECT_EQ(pool.num_active(), 3U);
  EXPECT_EQ(pool.cache().num_stored(), 0U);
  EXPECT_TRUE(match(pool, live).empty());
  EXPECT_EQ(pool.cache().insert_stored(live, 2, BlockId(table.block_ids()[1]),
                                       BlockId(table.block_ids()[2])),
            Insertion::kUncacheable);
  const BlockTable recomputed = compute(pool, chain_of({1, 2, 3, 4, 5, 6}));
  table.clear();
  EXPECT_EQ(pool.num_free(), 3U);
}

TEST(PrefixCache, tells_of_consecutive_blocks_in_one_event) {
  BlockPool pool(8, kBlockSize);
  const TokenChain chain = chain_of({1, 2, 3, 4, 5, 6});
  const TokenChain branch = chain_of({1, 2, 9, 9});
  BlockTable table = compute(pool, chain);
  BlockTable other = reuse(pool, branch);
  ASSERT_TRUE(other.grow_to(4, pool));
  ASSERT_EQ(pool.cache().insert_stored(branch, 1, BlockId(0), BlockId(other.block_ids()[1])),
            Insertion::kInserted);
  const auto stored = [](const TokenChain& of, std::uint32_t i) {
    return StoredBlock{of.sequence_hash(i), of.local_hash(i)};
  };
  const std::vector<KvEvent> expected = {
      BlocksStored{
          std::nullopt, 0, Tier::kDevice, {stored(chain, 0), stored(chain, 1), stored(chain, 2)}},
      BlocksStored{chain.sequence_hash(0), 2, Tier::kDevice, {stored(branch, 1)}},
  };
  EXPECT_EQ(pool.cache().take_events(), expected);
  EXPECT_TRUE(pool.cache().take_events().empty());

  table.clear();
  other.clear();
  std::vector<BlockRef> taken;
  while (auto ref = pool.allocate()) taken.push_back(std::move(*ref));
  const std::vector<KvEvent> removed = {
      BlocksRemoved{Tier::kDevice,
                    {chain.sequence_hash(2), chain.sequence_hash(1), branch.sequence_hash(1),
                     chain.sequence_hash(0)}},
  };
  EXPECT_EQ(pool.cache().take_events(), removed);
  (void)pool.clear_cache();
  EXPECT_EQ(pool.cache().take_events(), (std::vector<KvEvent>{AllBlocksCleared{}}));
}

TEST(PrefixCache, cuts_long_events) {
  constexpr auto kMax = static_cast<std::uint32_t>(kMaxBlocksPerEvent);
  BlockPool pool(kMax + 1, kBlockSize);
  std::vector<std::uint32_t> tokens(std::size_t{kMax + 1} * kBlockSize);
  std::iota(tokens.begin(), tokens.end(), 0U);
  const TokenChain chain = chain_of(tokens);
  {
    const BlockTable table = compute(pool, chain);
  }
  const std::vector<KvEvent> events = pool.cache().take_events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<BlocksStored>(events[0]).blocks.size(), kMaxBlocksPerEvent);
  EXPECT_EQ(std::get<BlocksStored>(events[1]).parent_hash, chain.sequence_hash(kMax - 1));
  EXPECT_EQ(std::get<BlocksStored>(events[1]).start_position, kMax * kBlockSize);
}

TEST(PrefixCacheDeathTest, finds_a_chain_that_is_given_back_from_its_root) {
  BlockPool pool(2, kBlockSize);
  BlockTable table = compute(pool, chain_of({1, 2, 3, 4}));
  EXPECT_DEATH(table.replace(0, pool.reference(BlockId(1))), "kv invariant 8");
}

TEST(PrefixCacheDeathTest, finds_a_block_that_is_referenced_before_its_parent) {
  BlockPool pool(2, kBlockSize);
  {
    const BlockTable table = compute(pool, chain_of({1, 2, 3, 4}));
  }
  EXPECT_DEATH((void)pool.reference(BlockId(1)), "kv invariant 8");
}

TEST(PrefixCacheDeathTest, finds_a_reference_to_a_block_without_content) {
  BlockPool pool(2, kBlockSize);
  EXPECT_DEATH((void)pool.reference(BlockId(1)), "kv invariant 2");
}

TEST(PrefixCacheDeathTest, finds_a_pending_block_that_is_given_back) {
  BlockPool pool(2, kBlockSize);
  const TokenChain chain = chain_of({1, 2});
  BlockTable table(kBlockSize);
  ASSERT_TRUE(table.grow_to(2, pool));
  ASSERT_EQ(pool.cache().insert_pending(chain, 0, std::nullopt, BlockId(0)), Insertion::kInserted);
  EXPECT_DEATH(table.clear(), "kv invariant 9");
  EXPECT_DEATH((void)pool.clear_cache(), "kv invariant 9");
  pool.cache().withdraw(BlockId(0));
}

TEST(PrefixCacheDeathTest, finds_a_block_that_is_stored_before_its_parent) {
  BlockPool pool(2, kBlockSize);
  const TokenChain chain = chain_of({1, 2, 3, 4});
  BlockTable table(kBlockSize);
  ASSERT_TRUE(table.grow_to(4, pool));
  ASSERT_EQ(pool.cache().insert_pending(chain, 0, std::nullopt, BlockId(0)), Insertion::kInserted);
  ASSERT_EQ(pool.cache().insert_pending(chain, 1, BlockId(0), BlockId(1)), Insertion::kInserted);
  EXPECT_DEATH(pool.cache().commit(BlockId(1)), "kv invariant 9");
  EXPECT_DEATH(pool.cache().withdraw(BlockId(0)), "kv invariant 8");
  pool.cache().withdraw(BlockId(1));
  pool.cache().withdraw(BlockId(0));
}

}  // namespace
}  // namespace penstock::kv
