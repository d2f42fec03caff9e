// What the prefix cache costs an engine step: 256 sequences of 64 blocks of 32 tokens, as time
// per block, beside comparing the same tokens by themselves, which no exact hit can do without.
//
//   build/release/kv_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only
//
// Each sequence is 2048 tokens long; the first 16 blocks are shared by all, as a system prompt is.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/philox.h"
#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/event_log.h"
#include "kv/sequence_hash.h"
#include "kv/token_chain.h"

namespace penstock::kv {
namespace {

constexpr std::uint32_t kBlockSize = 32;
constexpr std::uint32_t kNumSequences = 256;
constexpr std::uint32_t kSequenceBlocks = 64;
constexpr std::uint32_t kSharedBlocks = 16;
constexpr std::uint32_t kNumBlocks = kNumSequences * kSequenceBlocks;

// `generation` changes all tokens: content that the cache has never seen.
std::vector<TokenChain> make_chains(std::uint32_t generation) {
  std::vector<TokenChain> chains;
  for (std::uint32_t s = 0; s < kNumSequences; ++s) {
    std::vector<std::uint32_t> tokens;
    for (std::uint32_t i = 0; i < kSequenceBlocks * kBlockSize; ++i) {
      const std::uint32_t owner = i < kSharedBlocks * kBlockSize ? kNumSequences : s;
      tokens.push_back(philox4x32({i, owner, generation, 0}, {1, 2})[0] % 50'000);
    }
    chains.emplace_back(TokenChain::Options{.block_size = kBlockSize, .seed = kChainSeed}, tokens);
  }
  return chains;
}

void require(bool holds) {
  if (!holds) std::abort();
}

class Engine {
 public:
  Engine() : pool_(kNumBlocks, kBlockSize) {
    for (std::uint32_t s = 0; s < kNumSequences; ++s) {
      tables_.emplace_back(kBlockSize).reserve(kSequenceBlocks);
    }
    hits_.reserve(kSequenceBlocks);
  }

  // Takes what is cached of each chain; returns how many blocks that was.
  std::uint64_t reuse(const std::vector<TokenChain>& chains) {
    std::uint64_t num_hits = 0;
    for (std::uint32_t s = 0; s < kNumSequences; ++s) {
      hits_.clear();
      pool_.cache().match(chains[s], 0, kSequenceBlocks, std::nullopt, hits_);
      for (const BlockId hit : hits_) tables_[s].append(pool_.reference(hit));
      num_hits += hits_.size();
    }
    return num_hits;
  }

  // Room for the rest, evicting what is in the way.
  void grow() {
    for (BlockTable& table : tables_) {
      require(table.grow_to(kSequenceBlocks * kBlockSize, pool_));
    }
  }

  // Stores what is not held yet; returns how many blocks that was.
  std::uint64_t store(const std::vector<TokenChain>& chains) {
    std::uint64_t num_stored = 0;
    for (std::uint32_t s = 0; s < kNumSequences; ++s) {
      std::optional<BlockId> parent;
      for (std::uint32_t i = 0; i < kSequenceBlocks; ++i) {
        const BlockId block(tables_[s].block_ids()[i]);
        const auto inserted = pool_.cache().insert_pending(chains[s], i, parent, block);
        if (inserted == PrefixCache::Insertion::kInserted) {
          pool_.cache().commit(block);
          ++num_stored;
        } else {
          tables_[s].replace(i, pool_.reference(*pool_.cache().find(chains[s], i, parent)));
        }
        parent = BlockId(tables_[s].block_ids()[i]);
      }
    }
    return num_stored;
  }

  void end() {
    for (BlockTable& table : tables_) table.clear();
  }
  std::vector<KvEvent> take_events() { return pool_.cache().take_events(); }
  [[nodiscard]] std::uint64_t num_evicted() const { return pool_.cache().num_evicted(); }

 private:
  BlockPool pool_;
  std::vector<BlockTable> tables_;
  std::vector<BlockId> hits_;
};

void report(benchmark::State& state, std::uint64_t num_blocks) {
  state.counters["per_block"] = benchmark::Counter(
      static_cast<double>(num_blocks), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void hash_tokens(benchmark::State& state) {
  const std::vector<TokenChain> chains = make_chains(0);
  std::uint64_t num_blocks = 0;
  for (auto _ : state) {
    for (const TokenChain& chain : chains) {
      benchmark::DoNotOptimize(sequence_hashes(chain.token_ids(), kBlockSize, kChainSeed));
    }
    num_blocks += kNumBlocks;
  }
  report(state, num_blocks);
}

// The floor of a hit: reading the tokens on both sides.
void compare_tokens(benchmark::State& state) {
  const std::vector<TokenChain> chains = make_chains(0);
  const std::vector<TokenChain> others = make_chains(0);
  std::uint64_t num_blocks = 0;
  for (auto _ : state) {
    for (std::uint32_t s = 0; s < kNumSequences; ++s) {
      for (std::uint32_t i = 0; i < kSequenceBlocks; ++i) {
        bool same = std::ranges::equal(chains[s].block_tokens(i), others[s].block_tokens(i));
        benchmark::DoNotOptimize(same);
      }
    }
    num_blocks += kNumBlocks;
  }
  report(state, num_blocks);
}

void match_and_give_back(benchmark::State& state) {
  const std::vector<TokenChain> chains = make_chains(0);
  Engine engine;
  engine.grow();
  engine.store(chains);
  engine.end();
  std::uint64_t num_blocks = 0;
  for (auto _ : state) {
    const std::uint64_t num_hits = engine.reuse(chains);
    require(num_hits == kNumBlocks);
    engine.end();
    num_blocks += num_hits;
  }
  report(state, num_blocks);
}

// Each round stores what the last one's content has to be evicted for.
struct Churn {
  Engine engine;
  std::vector<std::vector<TokenChain>> generations;
  std::size_t at = 0;
  std::vector<KvEvent> events;  // of the first generation

  Churn() {
    for (std::uint32_t g = 0; g < 2; ++g) generations.push_back(make_chains(g));
    engine.grow();
    engine.store(generations[0]);
    engine.end();
    events = engine.take_events();
  }
  const std::vector<TokenChain>& next() { return generations[++at % generations.size()]; }
};

void evict(benchmark::State& state) {
  Churn churn;
  std::uint64_t num_blocks = 0;
  for (auto _ : state) {
    const std::uint64_t before = churn.engine.num_evicted();
    churn.engine.grow();
    num_blocks += churn.engine.num_evicted() - before;
    state.PauseTiming();
    churn.engine.store(churn.next());
    churn.engine.end();
    (void)churn.engine.take_events();
    state.ResumeTiming();
  }
  report(state, num_blocks);
}

void insert_and_commit(benchmark::State& state) {
  Churn churn;
  std::uint64_t num_blocks = 0;
  for (auto _ : state) {
    state.PauseTiming();
    churn.engine.grow();
    (void)churn.engine.take_events();
    const std::vector<TokenChain>& chains = churn.next();
    state.ResumeTiming();
    churn.engine.store(chains);
    num_blocks += kNumBlocks;
    state.PauseTiming();
    churn.engine.end();
    (void)churn.engine.take_events();
    state.ResumeTiming();
  }
  report(state, num_blocks);
}

// Per block stored, and one removed for it.
void log_events(benchmark::State& state) {
  Churn churn;
  KvEventLog log({.epoch = 1, .block_size = kBlockSize});
  for (const KvEvent& event : churn.events) log.append(event);
  std::uint64_t num_blocks = 0;
  for (auto _ : state) {
    state.PauseTiming();
    churn.engine.grow();
    const std::uint64_t num_stored = churn.engine.store(churn.next());
    churn.engine.end();
    const std::vector<KvEvent> events = churn.engine.take_events();
    state.ResumeTiming();
    for (const KvEvent& event : events) log.append(event);
    num_blocks += num_stored;
  }
  report(state, num_blocks);
}

BENCHMARK(hash_tokens)->Unit(benchmark::kMillisecond);
BENCHMARK(compare_tokens)->Unit(benchmark::kMillisecond);
BENCHMARK(match_and_give_back)->Unit(benchmark::kMillisecond);
BENCHMARK(insert_and_commit)->Unit(benchmark::kMillisecond);
BENCHMARK(evict)->Unit(benchmark::kMillisecond);
BENCHMARK(log_events)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock::kv

BENCHMARK_MAIN();
