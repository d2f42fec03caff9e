#include "base/ledger.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/thread.h"

namespace penstock {
namespace {

using std::chrono::seconds;

TEST(Ledger, shows_what_is_held_while_it_is_held) {
  ManualClock clock;
  Ledger ledger(clock);
  EXPECT_TRUE(ledger.is_empty());
  {
    const auto blocks = ledger.hold(LedgerKind::kBlocks, "sequence 1", 5);
    const auto request = ledger.hold(LedgerKind::kRequest, "request 1");
    EXPECT_EQ(ledger.held(LedgerKind::kBlocks), 5U);
    EXPECT_EQ(ledger.held(LedgerKind::kRequest), 1U);
    EXPECT_FALSE(ledger.is_empty());
  }
  EXPECT_TRUE(ledger.is_empty());
  EXPECT_EQ(ledger.held(LedgerKind::kBlocks), 0U);
}

TEST(Ledger, lists_the_oldest_first_with_owner_and_age) {
  ManualClock clock;
  Ledger ledger(clock);
  const auto first = ledger.hold(LedgerKind::kStream, "a");
  clock.advance(seconds(2));
  const auto second = ledger.hold(LedgerKind::kLease, "b", 3);
  clock.advance(seconds(1));
  const auto lines = ledger.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].owner, "a");
  EXPECT_EQ(lines[0].age, seconds(3));
  EXPECT_EQ(lines[1].kind, LedgerKind::kLease);
  EXPECT_EQ(lines[1].count, 3U);
  EXPECT_EQ(lines[1].age, seconds(1));
}

TEST(LedgerEntry, can_grow_and_shrink) {
  ManualClock clock;
  Ledger ledger(clock);
  auto blocks = ledger.hold(LedgerKind::kBlocks, "sequence", 2);
  const auto others = ledger.hold(LedgerKind::kBlocks, "another", 10);
  blocks.set_count(7);
  EXPECT_EQ(ledger.held(LedgerKind::kBlocks), 17U);
  blocks.set_count(0);
  EXPECT_EQ(ledger.held(LedgerKind::kBlocks), 10U);
}

TEST(LedgerEntry, moves_and_is_given_back_once) {
  ManualClock clock;
  Ledger ledger(clock);
  auto entry = ledger.hold(LedgerKind::kLease, "first");
  Ledger::Entry moved = std::move(entry);
  EXPECT_EQ(ledger.held(LedgerKind::kLease), 1U);
  moved = ledger.hold(LedgerKind::kLease, "second");
  EXPECT_EQ(ledger.held(LedgerKind::kLease), 1U) << "the replaced entry is given back";
  moved.release();
  moved.release();
  EXPECT_TRUE(ledger.is_empty());
}

TEST(LedgerKind, has_a_text_for_each) {
  for (std::size_t kind = 0; kind < kNumLedgerKinds; ++kind) {
    EXPECT_NE(to_string(static_cast<LedgerKind>(kind)), "unknown");
  }
}

TEST(Ledger, keeps_count_under_concurrent_use) {
  const SystemClock clock;
  Ledger ledger(clock);
  std::vector<NamedThread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back("holder", [&] {
      for (int i = 0; i < 500; ++i) {
        auto entry = ledger.hold(LedgerKind::kSequence, "thread", 2);
        entry.set_count(3);
        EXPECT_GE(ledger.held(LedgerKind::kSequence), 3U);
        EXPECT_FALSE(ledger.lines().empty());
      }
    });
  }
  for (NamedThread& thread : threads) thread.join();
  EXPECT_TRUE(ledger.is_empty());
}

TEST(LedgerDeathTest, an_entry_that_outlives_its_ledger_is_a_bug) {
  ManualClock clock;
  EXPECT_DEATH(
      {
        std::optional<Ledger> ledger(std::in_place, clock);
        const auto entry = ledger->hold(LedgerKind::kStream, "client 9");
        ledger.reset();
      },
      "stream of 'client 9' outlives the ledger");
}

}  // namespace
}  // namespace penstock
