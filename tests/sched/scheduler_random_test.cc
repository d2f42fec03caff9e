// Random loads against the promises that hold for every one of them. A memory of tokens stands for
// KV: what a chunk reads back through its block table must be its own tokens, whatever was shared,
// forked, preempted, evicted or abandoned meanwhile.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "sched/scheduler.h"

namespace penstock::sched {
namespace {

constexpr std::uint32_t kBlockSize = 4;

struct Expected {
  std::vector<std::uint32_t> tokens;
  std::uint32_t stop_at = 0;
};

class RandomLoad final {
 public:
  explicit RandomLoad(unsigned seed)
      : random_(seed),
        pool_(20 + random_() % 60, kBlockSize),
        scheduler_({.block_size = kBlockSize,
                    .max_running = 1 + static_cast<std::uint32_t>(random_() % 12),
                    .max_waiting = 64,
                    .max_step_tokens = 16 + static_cast<std::uint32_t>(random_() % 64),
                    .min_chunk_tokens = 1 + static_cast<std::uint32_t>(random_() % 6)},
                   pool_),
        memory_(std::size_t{pool_.num_blocks()} * kBlockSize) {}

  void run() {
    for (int step = 0; step < 400; ++step) {
      if (random_() % 3 == 0) add();
      if (random_() % 20 == 0) cancel();
      if (random_() % 30 == 0) {
        (void)scheduler_.schedule(now());
        scheduler_.abandon();
      }
      advance();
      if (::testing::Test::HasFatalFailure()) return;
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
  [[nodiscard]] std::uint64_t num_hit_tokens() const { return num_hit_tokens_; }
  [[nodiscard]] std::uint64_t num_forks() const { return num_forks_; }
  [[nodiscard]] std::uint64_t num_preemptions() const { return scheduler_.num_preemptions(); }

 private:
  [[nodiscard]] MonotonicTime now() const { return {static_cast<std::int64_t>(last_id_)}; }

  void add() {
    SequenceSpec spec;
    spec.id = SequenceId(++last_id_);
    const std::uint32_t capacity = pool_.num_blocks() * kBlockSize;
    // Few different tokens, in runs, so that many prompts begin alike.
    std::vector<std::uint32_t> tokens(1 + random_() % (capacity / 2));
    const auto kind = static_cast<std::uint32_t>(random_() % 3);
    for (std::uint32_t i = 0; i < tokens.size(); ++i) tokens[i] = kind + i / 8;
    if (random_() % 2 == 0) tokens.back() = static_cast<std::uint32_t>(1000 + last_id_);
    spec.max_tokens = static_cast<std::uint32_t>(tokens.size() + random_() % capacity);
    if (!live_.empty() && random_() % 4 == 0) {
      const auto& [sibling, expected] = *live_.begin();
      if (expected.tokens.size() == scheduler_.sequence(sibling).num_given) {
        spec.fork_of = sibling;
        tokens = expected.tokens;
        spec.max_tokens = scheduler_.sequence(sibling).max_tokens;
      }
    }
    spec.token_ids = tokens;
    spec.uses_cache = random_() % 8 != 0;
    spec.strict_priority = static_cast<std::uint32_t>(random_() % 3);
    spec.tenant = random_() % 2 == 0 ? "a" : "b";
    spec.arrival = now();
    const bool fits = kv::BlockTable::blocks_for(spec.max_tokens, kBlockSize) <= pool_.num_blocks();
    const Status added = scheduler_.add(spec);
    if (added) {
      EXPECT_TRUE(fits);
      const auto known = static_cast<std::uint32_t>(tokens.size());
      const std::uint32_t spare = spec.max_tokens - known;
      live_[spec.id] = {std::move(tokens),
                        known + (spare == 0 ? 0 : static_cast<std::uint32_t>(random_()) % spare)};
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

  [[nodiscard]] std::uint32_t slot(const Sequence& sequence, std::uint32_t position) const {
    return sequence.blocks.block_ids()[position / kBlockSize] * kBlockSize + position % kBlockSize;
  }

  void advance() {
    const StepPlan& plan = scheduler_.schedule(now());
    num_hit_tokens_ += plan.num_hit_tokens;
    std::set<SequenceId> planned;
    std::set<std::uint32_t> written;
    std::uint32_t num_tokens = 0;
    for (const ScheduledChunk& chunk : plan.chunks) {
      ASSERT_TRUE(planned.insert(chunk.id).second) << "a sequence is planned once per step";
      const Sequence& sequence = scheduler_.sequence(chunk.id);
      const std::uint32_t end = chunk.first_position + chunk.num_tokens;
      ASSERT_EQ(chunk.first_position, sequence.num_computed());
      ASSERT_EQ(sequence.state, SequenceState::kRunning);
      ASSERT_GE(sequence.blocks.capacity_tokens(), end);
      ASSERT_EQ(chunk.samples, end == sequence.num_known());
      for (std::uint32_t p = chunk.first_position; p < end; ++p) {
        ASSERT_TRUE(written.insert(slot(sequence, p)).second) << "two sequences write one slot";
        memory_[slot(sequence, p)] = live_.at(chunk.id).tokens[p];
      }
      num_tokens += chunk.num_tokens;
    }
    ASSERT_EQ(num_tokens, plan.num_tokens);
    for (const ScheduledChunk& chunk : plan.chunks) {
      const Sequence& sequence = scheduler_.sequence(chunk.id);
      for (std::uint32_t p = 0; p < chunk.first_position + chunk.num_tokens; ++p) {
        ASSERT_EQ(memory_[slot(sequence, p)], live_.at(chunk.id).tokens[p])
            << "position " << p << " of sequence " << chunk.id.value();
      }
    }
    std::vector<SequenceId> sampled;
    for (const ScheduledChunk& chunk : plan.chunks) {
      if (chunk.samples) sampled.push_back(chunk.id);
    }
    for (const ScheduledFork& fork : scheduler_.commit(std::chrono::milliseconds(1))) {
      ++num_forks_;
      if (fork.copy) {
        for (std::uint32_t i = 0; i < kBlockSize; ++i) {
          memory_[fork.copy->destination.value() * kBlockSize + i] =
              memory_[fork.copy->source.value() * kBlockSize + i];
        }
      }
      sampled.push_back(fork.id);
    }
    for (const SequenceId id : sampled) {
      Expected& expected = live_.at(id);
      ASSERT_EQ(scheduler_.sequence(id).num_known(), expected.tokens.size())
          << "no token is lost or repeated";
      if (expected.tokens.size() >= expected.stop_at) {
        scheduler_.finish(id);
        live_.erase(id);
      } else {
        expected.tokens.push_back(static_cast<std::uint32_t>(random_() % 2));
        scheduler_.append_token(id, expected.tokens.back());
      }
    }
  }

  std::mt19937 random_;
  kv::BlockPool pool_;
  Scheduler scheduler_;
  std::vector<std::uint32_t> memory_;  // a token per slot
  std::map<SequenceId, Expected> live_;
  std::uint64_t last_id_ = 0;
  std::uint64_t num_hit_tokens_ = 0;
  std::uint64_t num_forks_ = 0;
};

TEST(SchedulerRandom, completes_every_load_and_reads_back_its_own_tokens) {
  std::uint64_t num_hit_tokens = 0;
  std::uint64_t num_forks = 0;
  std::uint64_t num_preemptions = 0;
  const char* rounds = std::getenv("PENSTOCK_FUZZ_ROUNDS");
  const unsigned num_loads =
      400 * (rounds == nullptr ? 1 : static_cast<unsigned>(std::atoi(rounds)));
  for (unsigned seed = 1; seed <= num_loads; ++seed) {
    SCOPED_TRACE(seed);
    RandomLoad load(seed);
    load.run();
    if (HasFatalFailure()) return;
    num_hit_tokens += load.num_hit_tokens();
    num_forks += load.num_forks();
    num_preemptions += load.num_preemptions();
  }
  // The loads reach what they are meant to reach.
  EXPECT_GT(num_hit_tokens, 10'000U);
  EXPECT_GT(num_forks, 100U);
  EXPECT_GT(num_preemptions, 100U);
}

}  // namespace
}  // namespace penstock::sched
