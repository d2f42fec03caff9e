// Scheduler, prefix cache and bookkeeping of a decode step with 256 sequences, without a model.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "bench/engine/items.h"
#include "bench/engine/timed_engine.h"
#include "sched/scheduler.h"

namespace {

std::atomic<std::uint64_t> num_allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  num_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace penstock::engine {
namespace {

constexpr std::uint32_t kSequences = 256;
constexpr std::uint32_t kPrompt = 1000;
constexpr std::uint32_t kSteps = 400;

}  // namespace

void bench_bookkeeping() {
  kv::BlockPool pool(20'000, 32);
  sched::SchedulerLimits limits;
  limits.max_running = kSequences;
  limits.max_step_tokens = 1 << 20;
  limits.prefill_only_target = std::chrono::hours(1);
  sched::Scheduler scheduler(limits, pool);
  std::vector<std::uint32_t> prompt(kPrompt);
  for (std::uint32_t i = 0; i < kSequences; ++i) {
    for (std::uint32_t at = 0; at < kPrompt; ++at) prompt[at] = at < 300 ? at : i * kPrompt + at;
    sched::SequenceSpec spec;
    spec.id = sched::SequenceId(i + 1);
    spec.token_ids = prompt;
    spec.max_tokens = kPrompt + kSteps * 2;
    spec.tenant = i % 2 == 0 ? "a" : "b";
    const Status added = scheduler.add(spec);
    if (!added) std::abort();
  }
  std::vector<sched::SequenceId> sampled;
  sampled.reserve(kSequences);
  const auto step = [&](std::uint32_t token) {
    const sched::StepPlan& plan = scheduler.schedule({});
    sampled.clear();
    for (const sched::ScheduledChunk& chunk : plan.chunks) {
      if (chunk.samples) sampled.push_back(chunk.id);
    }
    (void)scheduler.commit(std::chrono::milliseconds(10));
    for (const sched::SequenceId id : sampled) scheduler.append_token(id, token);
  };
  for (std::uint32_t i = 0; scheduler.counts().decoding < kSequences; ++i) step(i);
  for (std::uint32_t i = 0; i < 64; ++i) step(i);
  (void)pool.cache().take_events();

  std::vector<double> times;
  times.reserve(kSteps);
  std::uint64_t allocations = 0;
  std::uint64_t allocations_of_events = 0;
  for (std::uint32_t i = 0; i < kSteps; ++i) {
    const std::uint64_t before = num_allocations.load();
    const Instant begin = std::chrono::steady_clock::now();
    step(i);
    (void)scheduler.counts();
    const Instant end = std::chrono::steady_clock::now();
    const std::size_t num_events = pool.cache().take_events().size();
    if (num_events == 0) {
      allocations += num_allocations.load() - before;
    } else {
      allocations_of_events += num_allocations.load() - before;
    }
    times.push_back(seconds_between(begin, end) * 1e6);
  }
  std::printf(
      "bookkeeping  256 sequences: %.1f us per step (p99 %.1f), %llu allocations in steps that "
      "fill "
      "no block, %llu for events in the others\n",
      quantile(times, 0.5), quantile(times, 0.99), static_cast<unsigned long long>(allocations),
      static_cast<unsigned long long>(allocations_of_events));
  for (std::uint32_t i = 0; i < kSequences; ++i) scheduler.finish(sched::SequenceId(i + 1));
}

}  // namespace penstock::engine
