// Tokens per second of the bare forward pass: decode of 1, 8 and 32 streams, prefill of a prompt.
//
//   cmake --build build/release --target forward_bench
//   build/release/forward_bench MODEL [threads=2] [f32|bf16] [context=128]
//
// Each figure is the median of its repetitions, with the slowest and the fastest beside it. The
// last column is processor time over all threads, which says more on a machine that does other
// work.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>

#include "tests/model/forward_harness.h"

namespace penstock::model {
namespace {

using testing::ForwardHarness;
using testing::Piece;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kPrefillTokens = 512;
constexpr int kDecodeSteps = 24;

struct Settings {
  std::string path;
  int threads = 2;
  ComputeType compute = ComputeType::kBF16;
  std::uint32_t context = 128;
};

struct Time {
  double wall_s;
  double processor_s;
};

Time measure(const std::function<void()>& body) {
  const auto start = Clock::now();
  const std::clock_t processor_start = std::clock();
  body();
  return {std::chrono::duration<double>(Clock::now() - start).count(),
          static_cast<double>(std::clock() - processor_start) / CLOCKS_PER_SEC};
}

void report(const std::string& what, double tokens, std::vector<Time> times) {
  std::ranges::sort(times, {}, &Time::processor_s);
  const double processor_s = times[times.size() / 2].processor_s;
  std::ranges::sort(times, {}, &Time::wall_s);
  std::printf("%-22s %8.1f tok/s  (%.1f to %.1f, %zu runs)  %.3f processor ms per token\n",
              what.c_str(), tokens / times[times.size() / 2].wall_s, tokens / times.back().wall_s,
              tokens / times.front().wall_s, times.size(), processor_s * 1e3 / tokens);
}

std::vector<std::uint32_t> some_tokens(std::size_t count) {
  std::vector<std::uint32_t> tokens(count);
  for (std::size_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<std::uint32_t>(1000 + 7 * i % 9000);
  }
  return tokens;
}

void measure_decode(ForwardHarness& harness, std::uint32_t streams, std::uint32_t context) {
  const std::vector<std::uint32_t> prompt = some_tokens(context);
  std::vector<Piece> pieces;
  for (std::uint32_t i = 0; i < streams; ++i) {
    const std::uint32_t sequence = harness.new_sequence();
    for (std::size_t at = 0; at < prompt.size(); at += kPrefillTokens) {
      const std::size_t count = std::min<std::size_t>(kPrefillTokens, prompt.size() - at);
      const Piece piece{sequence, std::span(prompt).subspan(at, count)};
      (void)harness.run({&piece, 1});
    }
    pieces.push_back({sequence, {prompt.data(), 1}});
  }
  std::vector<Time> times;
  for (int step = 0; step < kDecodeSteps; ++step) {
    times.push_back(measure([&] { (void)harness.run(pieces); }));
  }
  report("decode, " + std::to_string(streams) + " streams", streams, times);
}

void measure_prefill(ForwardHarness& harness) {
  const std::vector<std::uint32_t> prompt = some_tokens(kPrefillTokens);
  std::vector<Time> times;
  for (int i = 0; i < 5; ++i) {
    const Piece piece{harness.new_sequence(), prompt};
    times.push_back(measure([&] { (void)harness.run({&piece, 1}); }));
  }
  report("prefill, 512 tokens", kPrefillTokens, times);
}

int run(const Settings& settings) {
  auto files = ModelFiles::open(settings.path);
  if (!files) {
    std::fprintf(stderr, "%s\n", files.error().message().c_str());
    return 1;
  }
  const std::uint32_t tokens = 41 * (settings.context + kDecodeSteps) + 5 * kPrefillTokens;
  std::unique_ptr<ForwardHarness> harness;
  const Time load = measure([&] {
    harness = std::make_unique<ForwardHarness>(
        **files, testing::HarnessSpec{.options = {.compute = settings.compute,
                                                  .max_batch_rows = kPrefillTokens,
                                                  .max_logit_rows = 32},
                                      .num_threads = settings.threads,
                                      .num_blocks = tokens / 32 + 100});
  });
  std::printf("%s, %d threads, context %u; weights packed in %.3f s\n",
              std::string(harness->pass().numerics()).c_str(), settings.threads, settings.context,
              load.wall_s);
  for (const std::uint32_t streams : {1U, 8U, 32U}) {
    measure_decode(*harness, streams, settings.context);
  }
  measure_prefill(*harness);
  return 0;
}

}  // namespace
}  // namespace penstock::model

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: forward_bench MODEL [threads] [f32|bf16] [context]\n");
    return 2;
  }
  penstock::model::Settings settings{.path = argv[1]};
  if (argc > 2) settings.threads = std::atoi(argv[2]);
  if (argc > 3 && std::string(argv[3]) == "f32") {
    settings.compute = penstock::model::ComputeType::kF32;
  }
  if (argc > 4) settings.context = static_cast<std::uint32_t>(std::atoi(argv[4]));
  return penstock::model::run(settings);
}
