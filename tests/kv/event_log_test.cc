#include "kv/event_log.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

#include "base/check.h"
#include "kv/sequence_hash.h"
#include "kv/token_chain.h"
#include "tests/kv/event_mirror.h"

namespace penstock::kv {
namespace {

using testing::EventMirror;

constexpr std::uint32_t kBlockSize = 4;

// The published vectors: tokens 1..16 in blocks of 4; longer chains go on counting.
TokenChain counting(std::uint32_t num_blocks) {
  std::vector<std::uint32_t> tokens(std::size_t{num_blocks} * kBlockSize);
  std::iota(tokens.begin(), tokens.end(), 1U);
  return TokenChain({.block_size = kBlockSize, .seed = kChainSeed}, tokens);
}

// Blocks [first, last) of the chain.
BlocksStored stored(const TokenChain& chain, std::uint32_t first, std::uint32_t last,
                    Tier tier = Tier::kDevice) {
  BlocksStored event;
  if (first > 0) event.parent_hash = chain.sequence_hash(first - 1);
  event.start_position = first * kBlockSize;
  event.tier = tier;
  for (std::uint32_t i = first; i < last; ++i) {
    event.blocks.push_back({chain.sequence_hash(i), chain.local_hash(i)});
  }
  return event;
}

BlocksRemoved removed(const TokenChain& chain, const std::vector<std::uint32_t>& blocks,
                      Tier tier = Tier::kDevice) {
  BlocksRemoved event{tier, {}};
  for (const std::uint32_t i : blocks) event.sequence_hashes.push_back(chain.sequence_hash(i));
  return event;
}

KvEventLog open_log(std::size_t max_records = 65'536) {
  return KvEventLog(
      {.epoch = 9, .dp_rank = 2, .block_size = kBlockSize, .max_records = max_records});
}

std::vector<KvEvent> events(const KvEventLog& log) {
  std::vector<KvEvent> out;
  const auto records = log.range(1, log.last_seq());
  for (const KvEventRecord& record : *records) out.push_back(record.event);
  return out;
}

TEST(KvDigest, agrees_with_the_published_vector) {
  const TokenChain chain = counting(4);
  KvDigest device;
  for (std::uint32_t i = 0; i < 4; ++i) device.add(chain.sequence_hash(i), Tier::kDevice);
  EXPECT_EQ(device.sum, 0xdbe95413a532aa5dU);
  EXPECT_EQ(device.num_blocks, (std::array<std::uint64_t, kNumTiers>{4, 0, 0, 0}));
  KvDigest moved = device;
  for (std::uint32_t i = 2; i < 4; ++i) {
    moved.remove(chain.sequence_hash(i), Tier::kDevice);
    moved.add(chain.sequence_hash(i), Tier::kHost);
  }
  EXPECT_EQ(moved.sum, 0x710febdbd666a5feU) << "the last two on host";
  EXPECT_EQ(moved.num_blocks, (std::array<std::uint64_t, kNumTiers>{2, 2, 0, 0}));
}

TEST(KvEventLog, numbers_records_from_one_and_names_their_source) {
  KvEventLog log = open_log();
  EXPECT_EQ(log.last_seq(), 0U);
  const TokenChain chain = counting(4);
  log.append(stored(chain, 0, 4));
  log.append(removed(chain, {3}));
  const KvEventRecord first{9, 2, 1, stored(chain, 0, 4)};
  const KvEventRecord second{9, 2, 2, removed(chain, {3})};
  EXPECT_EQ(log.range(1, 2), (std::vector<KvEventRecord>{first, second}));
  EXPECT_EQ(log.last_seq(), 2U);
}

TEST(KvEventLog, tells_of_the_first_copy_in_a_tier_and_of_the_last) {
  KvEventLog log = open_log();
  const TokenChain chain = counting(4);
  log.append(stored(chain, 0, 2, Tier::kHost));
  log.append(stored(chain, 0, 2, Tier::kHost));
  log.append(removed(chain, {1, 0}, Tier::kHost));
  EXPECT_EQ(log.last_seq(), 1U);
  log.append(removed(chain, {1}, Tier::kHost));
  EXPECT_EQ(events(log), (std::vector<KvEvent>{stored(chain, 0, 2, Tier::kHost),
                                               removed(chain, {1}, Tier::kHost)}));
  EXPECT_EQ(log.digest().num_blocks[1], 1U);
}

TEST(KvEventLog, counts_each_tier_by_itself) {
  KvEventLog log = open_log();
  const TokenChain chain = counting(2);
  log.append(stored(chain, 0, 2));
  log.append(stored(chain, 0, 2, Tier::kDisk));
  log.append(removed(chain, {1}));
  EXPECT_EQ(log.last_seq(), 3U);
  EXPECT_EQ(log.digest().num_blocks, (std::array<std::uint64_t, kNumTiers>{1, 0, 2, 0}));
}

TEST(KvEventLog, cuts_a_chain_around_blocks_that_were_there) {
  KvEventLog log = open_log();
  const TokenChain chain = counting(6);
  log.append(stored(chain, 2, 4, Tier::kHost));
  log.append(stored(chain, 0, 6, Tier::kHost));
  EXPECT_EQ(events(log), (std::vector<KvEvent>{stored(chain, 2, 4, Tier::kHost),
                                               stored(chain, 0, 2, Tier::kHost),
                                               stored(chain, 4, 6, Tier::kHost)}));
}

TEST(KvEventLog, cuts_a_chain_that_is_too_long_for_a_record) {
  KvEventLog log = open_log();
  log.append(stored(counting(300), 0, 300));
  EXPECT_EQ(log.last_seq(), 3U);
  EventMirror mirror(kBlockSize);
  const auto records = log.range(1, 3);
  for (const KvEventRecord& record : *records) mirror.apply(record);
  EXPECT_EQ(mirror.digest(), log.digest());
}

TEST(KvEventLog, forgets_all_tiers_when_all_is_cleared) {
  KvEventLog log = open_log();
  const TokenChain chain = counting(2);
  log.append(stored(chain, 0, 2));
  log.append(stored(chain, 0, 2, Tier::kHost));
  log.append(AllBlocksCleared{});
  EXPECT_EQ(log.digest(), KvDigest{});
  log.append(stored(chain, 0, 1, Tier::kHost));
  EXPECT_EQ(log.last_seq(), 4U);
}

TEST(KvEventLog, gives_a_range_until_it_is_gone) {
  KvEventLog log = open_log(3);
  EXPECT_EQ(log.range(1, 5), std::vector<KvEventRecord>{}) << "nothing has happened yet";
  for (int i = 0; i < 5; ++i) log.append(AllBlocksCleared{});
  EXPECT_FALSE(log.range(2, 5).has_value());
  EXPECT_FALSE(log.range(0, 5).has_value()) << "there is no record 0";
  ASSERT_TRUE(log.range(3, 5).has_value());
  EXPECT_EQ(log.range(3, 5)->size(), 3U);
  EXPECT_EQ(log.range(4, 4)->front().seq, 4U);
  EXPECT_EQ(log.range(4, ~0ULL)->size(), 2U) << "later ones do not exist yet";
  EXPECT_TRUE(log.range(6, 9)->empty());
  EXPECT_TRUE(log.range(5, 4)->empty());
}

TEST(KvEventLog, cuts_a_snapshot_of_nothing_too) {
  const KvEventLog log = open_log();
  const auto snapshot = log.snapshot();
  ASSERT_EQ(snapshot.size(), 1U);
  EXPECT_TRUE(snapshot[0].is_last);
  EXPECT_EQ(snapshot[0].epoch, 9U);
  EXPECT_EQ(snapshot[0].dp_rank, 2U);
  EXPECT_EQ(snapshot[0].cut_seq, 0U);
  EXPECT_TRUE(snapshot[0].chains.empty());
}

TEST(KvEventLog, cuts_a_snapshot_into_chunks_with_parents_first) {
  KvEventLog log = open_log();
  const TokenChain chain = counting(6000);
  for (std::uint32_t i = 0; i < 6000; i += 100) log.append(stored(chain, i, i + 100));
  log.append(stored(chain, 7, 9, Tier::kHost));  // without what comes before
  const auto snapshot = log.snapshot();
  EXPECT_EQ(snapshot.size(), 2U);
  EXPECT_EQ(snapshot[0].cut_seq, 61U);
  EventMirror mirror(kBlockSize);
  mirror.apply(snapshot);
  EXPECT_EQ(mirror.content().size(), 6002U);
  EXPECT_EQ(mirror.digest(), log.digest());
}

TEST(KvEventLogDeathTest, finds_a_removal_of_what_is_not_held_and_says_nothing_of_it) {
  KvEventLog log = open_log();
  const TokenChain chain = counting(2);
  log.append(stored(chain, 0, 1));
#ifdef NDEBUG
  const unsigned long before = bug_count();
  log.append(removed(chain, {0}, Tier::kHost));
  log.append(removed(chain, {1}));
  EXPECT_EQ(bug_count(), before + 2);
  EXPECT_EQ(log.last_seq(), 1U);
#else
  EXPECT_DEATH(log.append(removed(chain, {1})), "kv invariant 10");
#endif
}

// Tiers that disagree about where a block lies could only do so after a collision.
TEST(KvEventLog, names_a_block_once_in_a_snapshot_even_if_it_comes_before_its_parent) {
  KvEventLog log = open_log();
  const StoredBlock parent{SequenceHash(1), LocalHash(1)};
  const StoredBlock child{SequenceHash(2), LocalHash(2)};
  log.append(BlocksStored{SequenceHash(7), 40, Tier::kHost, {parent}});
  log.append(BlocksStored{SequenceHash(1), 4, Tier::kHost, {child}});
  EventMirror mirror(kBlockSize);
  mirror.apply(log.snapshot());
  EXPECT_EQ(mirror.digest(), log.digest());
}

// Copies come and go in all tiers; a listener from the start, and one from a snapshot in between,
// end up with what the tiers hold.
TEST(KvEventLog, gives_every_listener_what_the_tiers_hold) {
  std::mt19937 random(5);
  const TokenChain chain = counting(40);
  KvEventLog log = open_log(16);
  EventMirror first(kBlockSize);
  EventMirror second(kBlockSize);
  std::map<std::pair<Tier, std::uint32_t>, int> copies;
  const auto catch_up = [&](EventMirror& mirror) {
    const auto records = log.range(mirror.last_seq() + 1, log.last_seq());
    if (!records) {
      mirror = EventMirror(kBlockSize);
      return mirror.apply(log.snapshot());
    }
    for (const KvEventRecord& record : *records) mirror.apply(record);
  };
  for (int i = 0; i < 20'000; ++i) {
    // The device has no holes, which this test does not care for.
    const Tier tier = static_cast<Tier>(1 + random() % 3);
    const std::uint32_t from = random() % 40;
    const std::uint32_t to = std::min(40U, from + 1 + static_cast<std::uint32_t>(random() % 6));
    if (random() % 500 == 0) {
      log.append(AllBlocksCleared{});
      copies.clear();
    } else if (random() % 2 == 0) {
      log.append(stored(chain, from, to, tier));
      for (std::uint32_t b = from; b < to; ++b) ++copies[{tier, b}];
    } else {
      std::vector<std::uint32_t> gone;
      for (std::uint32_t b = from; b < to; ++b) {
        const auto it = copies.find({tier, b});
        if (it == copies.end()) continue;
        gone.push_back(b);
        if (--it->second == 0) copies.erase(it);
      }
      log.append(removed(chain, gone, tier));
    }
    catch_up(first);
    if (random() % 20 == 0) catch_up(second);
    ASSERT_EQ(first.content().size(), copies.size());
    ASSERT_EQ(first.digest(), log.digest());
    if (::testing::Test::HasFailure()) return;
  }
  catch_up(second);
  EXPECT_EQ(first.content(), second.content());
}

}  // namespace
}  // namespace penstock::kv
