// The example of docs/life-of-a-block.md, step by step.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/event_log.h"
#include "kv/sequence_hash.h"
#include "kv/token_chain.h"

namespace penstock::kv {
namespace {

using Insertion = PrefixCache::Insertion;
using Ids = std::vector<std::uint32_t>;

struct Sequence {
  TokenChain chain;
  BlockTable table{4};

  // Tokens 1 to `last_counted`, and some of its own.
  Sequence(std::uint32_t last_counted, const std::vector<std::uint32_t>& own, BlockPool& pool)
      : chain({.block_size = 4, .seed = kChainSeed}, {}) {
    for (std::uint32_t token = 1; token <= last_counted; ++token) chain.append(token);
    for (const std::uint32_t token : own) chain.append(token);
    std::vector<BlockId> hits;
    pool.cache().match(chain, 0, chain.num_full_blocks(), std::nullopt, hits);
    for (const BlockId hit : hits) table.append(pool.reference(hit));
    EXPECT_TRUE(table.grow_to(chain.size(), pool));
  }
  [[nodiscard]] Ids ids() const { return {table.block_ids().begin(), table.block_ids().end()}; }
};

std::vector<KvEvent> records(KvEventLog& log, BlockPool& pool) {
  const std::uint64_t before = log.last_seq();
  for (const KvEvent& event : pool.cache().take_events()) log.append(event);
  const auto range = log.range(before + 1, log.last_seq());
  std::vector<KvEvent> out;
  for (const KvEventRecord& record : *range) out.push_back(record.event);
  return out;
}

TEST(LifeOfABlock, goes_as_documented) {
  BlockPool pool(6, 4);
  PrefixCache& cache = pool.cache();
  KvEventLog log({.epoch = 1, .block_size = 4});
  const auto stored = [](const TokenChain& chain, std::uint32_t i) {
    return StoredBlock{chain.sequence_hash(i), chain.local_hash(i)};
  };

  Sequence a(10, {}, pool);
  EXPECT_EQ(a.ids(), (Ids{0, 1, 2}));
  ASSERT_EQ(cache.insert_pending(a.chain, 0, std::nullopt, BlockId(0)), Insertion::kInserted);
  ASSERT_EQ(cache.insert_pending(a.chain, 1, BlockId(0), BlockId(1)), Insertion::kInserted);

  Sequence b(8, {20, 21, 22}, pool);
  EXPECT_EQ(b.ids(), (Ids{0, 1, 3}));
  EXPECT_EQ(pool.ref_count(BlockId(1)), 2U);
  EXPECT_TRUE(records(log, pool).empty());

  cache.commit(BlockId(0));
  cache.commit(BlockId(1));
  EXPECT_EQ(records(log, pool),
            (std::vector<KvEvent>{BlocksStored{
                std::nullopt, 0, Tier::kDevice, {stored(a.chain, 0), stored(a.chain, 1)}}}));

  a.chain.append(11);
  a.chain.append(12);
  ASSERT_EQ(cache.insert_stored(a.chain, 2, BlockId(1), BlockId(2)), Insertion::kInserted);
  EXPECT_EQ(records(log, pool),
            (std::vector<KvEvent>{
                BlocksStored{a.chain.sequence_hash(1), 8, Tier::kDevice, {stored(a.chain, 2)}}}));

  Sequence c(11, {}, pool);
  EXPECT_EQ(c.ids(), (Ids{0, 1, 4}));
  c.chain.append(12);
  ASSERT_EQ(cache.insert_stored(c.chain, 2, BlockId(1), BlockId(4)), Insertion::kDuplicate);
  c.table.replace(2, pool.reference(*cache.find(c.chain, 2, BlockId(1))));
  EXPECT_EQ(c.ids(), (Ids{0, 1, 2}));
  EXPECT_EQ(pool.num_free(), 2U);

  a.table.clear();
  b.table.clear();
  c.table.clear();
  EXPECT_EQ(pool.num_cached(), 3U);
  EXPECT_EQ(pool.num_free(), 3U);

  BlockTable d(4);
  ASSERT_TRUE(d.grow_to(20, pool));
  EXPECT_EQ(pool.num_cached(), 1U);
  EXPECT_EQ(records(log, pool),
            (std::vector<KvEvent>{BlocksRemoved{
                Tier::kDevice, {a.chain.sequence_hash(2), a.chain.sequence_hash(1)}}}));
  EXPECT_EQ(cache.find(a.chain, 0, std::nullopt), BlockId(0));

  d.clear();
  EXPECT_EQ(pool.clear_cache(), 1U);
  EXPECT_EQ(pool.num_free(), 6U);
  EXPECT_EQ(records(log, pool), (std::vector<KvEvent>{AllBlocksCleared{}}));
  EXPECT_EQ(log.last_seq(), 4U);
}

}  // namespace
}  // namespace penstock::kv
