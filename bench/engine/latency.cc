// Time to first token of a second turn, and gaps between tokens while prompts arrive.
#include <cstdio>
#include <thread>
#include <vector>

#include "base/check.h"
#include "bench/engine/items.h"
#include "bench/engine/timed_engine.h"

namespace penstock::engine {
namespace {

constexpr int kRepetitions = 5;
constexpr int kCostRepetitions = 12;

// Seconds for 24 requests of 250 unique tokens each, in a pool that has been filled once: with the
// cache on, every block is then taken from it.
double run_without_hits(const model::ModelFiles& files, bool prefix_caching) {
  TimedEngine engine(files, {.num_blocks = 280, .prefix_caching = prefix_caching});
  const auto run = [&engine](int num_requests) {
    std::vector<RequestHandle> handles;
    for (int i = 0; i < num_requests; ++i) {
      handles.push_back(engine.submit({engine.fresh_tokens(250), 24}));
    }
    for (const RequestHandle handle : handles) (void)engine.wait(handle);
  };
  run(32);
  const Instant begin = std::chrono::steady_clock::now();
  run(24);
  return seconds_between(begin, std::chrono::steady_clock::now());
}

double prefill_tokens_per_s(TimedEngine& engine) {
  constexpr std::size_t kTokens = 2000;
  const TimedAnswer answer = engine.run({engine.fresh_tokens(kTokens), 1});
  return static_cast<double>(kTokens) / answer.ttft_s();
}

}  // namespace

void bench_prefix(const model::ModelFiles& files) {
  constexpr std::size_t kFirstTurn = 3000;
  std::vector<double> ratios;
  std::vector<double> costs;
  TimedEngine engine(files, {});
  (void)engine.run({engine.fresh_tokens(500), 4});
  for (int i = 0; i < kRepetitions; ++i) {
    std::vector<TokenId> conversation = engine.fresh_tokens(kFirstTurn);
    const double first = engine.run({conversation, 32}).ttft_s();
    const std::vector<TokenId> next = engine.fresh_tokens(40);
    conversation.insert(conversation.end(), next.begin(), next.end());
    const TimedAnswer second = engine.run({conversation, 32});
    ratios.push_back(second.ttft_s() / first);
    std::printf("prefix       first turn of %zu tokens: %.0f ms; second: %.0f ms, %u cached\n",
                kFirstTurn, first * 1e3, second.ttft_s() * 1e3, second.cached_tokens);
  }
  std::printf("prefix       time to first token of the second turn: %s of the first\n",
              spread(ratios, 3).c_str());
  for (int i = 0; i < kCostRepetitions; ++i) {
    // In turns, so that a change of the machine's speed hits both; each goes first every other
    // time.
    const double first = run_without_hits(files, i % 2 == 0);
    const double second = run_without_hits(files, i % 2 != 0);
    costs.push_back(i % 2 == 0 ? first / second : second / first);
  }
  std::printf("prefix       time with the cache on and no hits: %s of the time with it off\n",
              spread(costs, 3).c_str());
}

void bench_itl(const model::ModelFiles& files) {
  constexpr int kStreams = 4;
  constexpr std::size_t kPrompt = 2000;
  constexpr double kSeconds = 30;
  std::vector<double> ratios;
  for (int i = 0; i < 3; ++i) {
    TimedEngine engine(files, {});
    const double capacity = prefill_tokens_per_s(engine);
    std::vector<RequestHandle> streams;
    for (int k = 0; k < kStreams; ++k) {
      streams.push_back(engine.submit({engine.fresh_tokens(64), 6000}));
    }
    while (engine.num_tokens(streams.back()) < 16) std::this_thread::yield();
    const auto period =
        std::chrono::duration<double>(static_cast<double>(kPrompt) / (capacity / 2));
    const Instant begin = std::chrono::steady_clock::now();
    std::vector<RequestHandle> prompts;
    for (int k = 0; period * k < std::chrono::duration<double>(kSeconds); ++k) {
      std::this_thread::sleep_until(
          begin + std::chrono::duration_cast<std::chrono::nanoseconds>(period * k));
      prompts.push_back(engine.submit({engine.fresh_tokens(kPrompt), 1}));
    }
    const Instant end = std::chrono::steady_clock::now();
    std::size_t num_answered = 0;
    for (const RequestHandle handle : prompts) num_answered += engine.is_done(handle) ? 1 : 0;
    std::vector<double> gaps;
    for (const RequestHandle handle : streams) {
      engine.cancel(handle);
      const TimedAnswer answer = engine.wait(handle);
      for (std::size_t at = 1; at < answer.tokens.size(); ++at) {
        if (answer.tokens[at] < begin || answer.tokens[at] > end) continue;
        gaps.push_back(seconds_between(answer.tokens[at - 1], answer.tokens[at]) * 1e3);
      }
    }
    const double p50 = quantile(gaps, 0.5);
    const double p99 = quantile(gaps, 0.99);
    ratios.push_back(p99 / p50);
    std::printf(
        "itl          %d streams, %zu prompts of %zu tokens at half of %.0f tokens/s, %zu "
        "answered: p50 %.1f ms, p99 %.1f ms\n",
        kStreams, prompts.size(), kPrompt, capacity, num_answered, p50, p99);
    for (const RequestHandle handle : prompts) engine.cancel(handle);
    for (const RequestHandle handle : prompts) (void)engine.wait(handle);
  }
  std::printf("itl          p99 / p50 while prompts arrive: %s\n", spread(ratios).c_str());
}

}  // namespace penstock::engine
