// A pool that is too small, and tenants that compete.
#include <cstdio>
#include <thread>
#include <vector>

#include "base/check.h"
#include "bench/engine/items.h"
#include "bench/engine/timed_engine.h"

namespace penstock::engine {
namespace {

constexpr int kRepetitions = 3;

// Output tokens per second of 64 requests at once.
struct PoolRun {
  double tokens_per_s = 0;
  std::uint64_t preemptions = 0;
};
PoolRun run_pool(const model::ModelFiles& files, std::uint32_t num_blocks) {
  constexpr int kRequests = 64;
  constexpr std::uint32_t kPrompt = 96;
  constexpr std::uint32_t kOutput = 96;
  TimedEngine engine(files, {.num_blocks = num_blocks});
  std::vector<RequestHandle> handles;
  const Instant begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kRequests; ++i) {
    handles.push_back(engine.submit({engine.fresh_tokens(kPrompt), kOutput}));
  }
  for (const RequestHandle handle : handles) {
    const TimedAnswer answer = engine.wait(handle);
    CHECK(answer.finish == FinishReason::kLength && answer.tokens.size() == kOutput);
  }
  const double elapsed = seconds_between(begin, std::chrono::steady_clock::now());
  return {kRequests * kOutput / elapsed, engine.load().preemptions};
}

}  // namespace

void bench_small_pool(const model::ModelFiles& files) {
  // 64 requests of 191 tokens of KV: 6 blocks each.
  constexpr std::uint32_t kWanted = 64 * 6;
  std::vector<double> ratios;
  for (int i = 0; i < kRepetitions; ++i) {
    const PoolRun large = run_pool(files, kWanted);
    const PoolRun small = run_pool(files, kWanted / 10);
    ratios.push_back(small.tokens_per_s / large.tokens_per_s);
    std::printf("small_pool   %u blocks: %.1f tokens/s; %u blocks: %.1f, %llu preemptions\n",
                kWanted, large.tokens_per_s, kWanted / 10, small.tokens_per_s,
                static_cast<unsigned long long>(small.preemptions));
  }
  std::printf("small_pool   throughput with a tenth of the blocks: %s of the whole\n",
              spread(ratios).c_str());
}

void bench_fairness(const model::ModelFiles& files) {
  std::vector<double> ratios;
  for (int i = 0; i < kRepetitions; ++i) {
    TimedEngine engine(files, {.max_running = 8});
    std::vector<RequestHandle> many;
    std::vector<RequestHandle> few;
    for (int k = 0; k < 200; ++k) {
      many.push_back(engine.submit({engine.fresh_tokens(40), 40, "many"}));
      if (k % 10 == 0) few.push_back(engine.submit({engine.fresh_tokens(40), 40, "few"}));
    }
    // While both wait: until the last of the few has begun.
    while (engine.num_tokens(few.back()) == 0) std::this_thread::yield();
    const auto served = [&](const std::vector<RequestHandle>& handles) {
      std::size_t tokens = 0;
      for (const RequestHandle handle : handles) {
        const std::size_t output = engine.num_tokens(handle);
        tokens += output == 0 ? 0 : 40 + output;
      }
      return static_cast<double>(tokens);
    };
    const double of_many = served(many);
    const double of_few = served(few);
    ratios.push_back(of_many / of_few);
    std::printf(
        "fairness     tokens served while both wait: %.0f to the tenant with 200 requests, "
        "%.0f to the one with 20\n",
        of_many, of_few);
  }
  std::printf("fairness     ratio of served tokens: %s\n", spread(ratios).c_str());
}

}  // namespace penstock::engine
