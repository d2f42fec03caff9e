// Random loads against the promises that hold for every one of them.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "sched/scheduler.h"

namespace penstock::sched {
namespace {

struct Expected {
  std::uint32_t num_known = 0;
  std::uint32_t stop_at = 0;
};

class RandomLoad final {
 public:
  explicit RandomLoad(unsigned seed)
      : random_(seed),
        pool_(20 + random_() % 60, 4),
        scheduler_({.block_size = 4,
                    .max_running = 1 + static_cast<std::uint32_t>(random_() % 12),
                    .max_waiting = 64,
                    .max_step_tokens = 64},
                   pool_) {}

  void run() {
    for (int step = 0; step < 400; ++step) {
      if (random_() % 3 == 0) add();
      if (random_() % 20 == 0) cancel();
      advance();
    }
    // Left alone, everything completes: nothing deadlocks.
    for (int step = 0; scheduler_.has_work(); ++step) {
      ASSERT_LT(step, 20'000) << "work is left that never advances";
      advance();
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_TRUE(live_.empty());
    EXPECT_EQ(pool_.num_active(), 0U);
  }

 private:
  void add() {
    SequenceSpec spec;
    spec.id = SequenceId(++last_id_);
    const std::uint32_t capacity = pool_.num_blocks() * 4;
    spec.num_known_tokens = 1 + static_cast<std::uint32_t>(random_()) % (capacity / 2);
    spec.max_tokens = spec.num_known_tokens + static_cast<std::uint32_t>(random_()) % capacity;
    spec.strict_priority = static_cast<std::uint32_t>(random_() % 3);
    spec.arrival = MonotonicTime{static_cast<std::int64_t>(last_id_)};
    if (!live_.empty() && random_() % 4 == 0) {
      const auto& [sibling, expected] = *live_.begin();
      const Sequence& sequence = scheduler_.sequence(sibling);
      spec.num_known_tokens = sequence.spec.num_known_tokens;
      spec.max_tokens = sequence.spec.max_tokens;
      spec.shared_prompt = {.with = sibling, .num_tokens = spec.num_known_tokens};
    }
    const bool fits = kv::BlockTable::blocks_for(spec.max_tokens, 4) <= pool_.num_blocks();
    const Status added = scheduler_.add(spec);
    if (added) {
      EXPECT_TRUE(fits);
      const std::uint32_t spare = spec.max_tokens - spec.num_known_tokens;
      live_[spec.id] = {
          spec.num_known_tokens,
          spec.num_known_tokens + (spare == 0 ? 0 : static_cast<std::uint32_t>(random_()) % spare)};
    } else {
      EXPECT_EQ(added.error().code(), fits ? ErrorCode::kResourceExhausted : ErrorCode::kInvalid);
    }
  }

  void cancel() {
    if (live_.empty()) return;
    auto it = live_.begin();
    std::advance(it, random_() % live_.size());
    scheduler_.finish(it->first);
    live_.erase(it);
  }

  void advance() {
    const StepPlan plan = scheduler_.schedule({.max_tokens = 1 + unsigned(random_() % 80)});
    std::set<SequenceId> planned;
    std::set<std::uint32_t> written;
    std::uint32_t num_tokens = 0;
    for (const ScheduledChunk& chunk : plan.chunks) {
      ASSERT_TRUE(planned.insert(chunk.id).second) << "a sequence is planned once per step";
      const Sequence& sequence = scheduler_.sequence(chunk.id);
      ASSERT_EQ(chunk.first_position, sequence.num_computed);
      ASSERT_EQ(sequence.state, SequenceState::kRunning);
      ASSERT_GE(sequence.blocks.capacity_tokens(), chunk.first_position + chunk.num_tokens);
      ASSERT_EQ(chunk.samples, chunk.first_position + chunk.num_tokens == sequence.num_known);
      for (std::uint32_t p = chunk.first_position; p < chunk.first_position + chunk.num_tokens;
           ++p) {
        const std::uint32_t slot = sequence.blocks.block_ids()[p / 4] * 4 + p % 4;
        ASSERT_TRUE(written.insert(slot).second) << "two sequences write one slot";
      }
      num_tokens += chunk.num_tokens;
    }
    ASSERT_EQ(num_tokens, plan.num_tokens);
    scheduler_.commit();
    for (const ScheduledChunk& chunk : plan.chunks) {
      if (!chunk.samples) continue;
      Expected& expected = live_.at(chunk.id);
      ASSERT_EQ(scheduler_.sequence(chunk.id).num_known, expected.num_known)
          << "no token is lost or repeated";
      if (expected.num_known >= expected.stop_at) {
        scheduler_.finish(chunk.id);
        live_.erase(chunk.id);
      } else {
        scheduler_.append_token(chunk.id);
        ++expected.num_known;
      }
    }
  }

  std::mt19937 random_;
  kv::BlockPool pool_;
  Scheduler scheduler_;
  std::map<SequenceId, Expected> live_;
  std::uint64_t last_id_ = 0;
};

TEST(SchedulerRandom, completes_every_load_without_losing_or_sharing_a_slot) {
  for (unsigned seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    RandomLoad(seed).run();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace penstock::sched
