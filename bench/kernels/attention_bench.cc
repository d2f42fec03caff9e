// Attention of one group of heads over a context, on one thread: 3 queries (decode of SmolLM2's
// groups) and 8 (prefill). head_dim 64.
#include <benchmark/benchmark.h>

#include <numeric>

#include "tests/kernels/random_weights.h"

namespace penstock::kernels {
namespace {

void attend(benchmark::State& state, KvType type) {
  const CpuKernels& kernels = best_cpu_kernels(device::detect_cpu_features());
  const auto num_queries = static_cast<std::uint32_t>(state.range(0));
  const auto positions = static_cast<std::uint32_t>(state.range(1));
  const KvShape shape{type, 1, 1, 64, 32};
  std::mt19937 random(1);
  std::vector<std::uint32_t> table((positions + 31) / 32);
  std::iota(table.begin(), table.end(), 0U);
  auto pool = *device::HostBuffer::allocate(table.size() * shape.block_bytes());
  const KvHeadView kv{&shape, pool.data(), table.data(), 0, 0};
  for (std::uint32_t p = 0; p < positions; ++p) {
    const std::vector<float> values = random_values(128, random);
    write_kv(kv, p, values.data(), values.data() + 64);
  }
  const std::vector<float> q = random_values(std::size_t{num_queries} * 64, random);
  std::vector<float> out(q.size());
  std::vector<AttentionQuery> queries;
  for (std::size_t i = 0; i < num_queries; ++i) {
    queries.push_back({q.data() + 64 * i, out.data() + 64 * i, positions});
  }
  const auto kernel = type == KvType::kF32 ? kernels.attend_f32 : kernels.attend_bf16;
  for (auto _ : state) {
    kernel({queries, kv, 0.125F, ActivationType::kF32});
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["GMAC/s"] = benchmark::Counter(2.0 * num_queries * positions * 64 * 1e-9,
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void attend_f32(benchmark::State& state) {
  attend(state, KvType::kF32);
}
void attend_bf16(benchmark::State& state) {
  attend(state, KvType::kBF16);
}
BENCHMARK(attend_f32)->ArgsProduct({{3, 8}, {128, 1024, 4096}});
BENCHMARK(attend_bf16)->ArgsProduct({{3, 8}, {128, 1024, 4096}});

}  // namespace
}  // namespace penstock::kernels
