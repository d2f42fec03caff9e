// Matrix products by weight type, arithmetic and number of rows, on one thread.
//
//   cmake --build build/release --target kernels_bench && build/release/kernels_bench
//
// The matrix is [1536, 576], the MLP of SmolLM2-135M; it fits the second cache in every type but
// F32, so few rows show the cost of unpacking and many rows that of multiplying.
#include <benchmark/benchmark.h>

#include "tests/kernels/random_weights.h"

namespace penstock::kernels {
namespace {

constexpr std::uint32_t kOutputs = 1536;

void multiply(benchmark::State& state, WeightType type, ActivationType arithmetic) {
  const CpuKernels& kernels = best_cpu_kernels(device::detect_cpu_features());
  const std::uint32_t inputs = info(type).block_values == 256 ? 512 : 576;
  const auto num_rows = static_cast<std::uint32_t>(state.range(0));
  std::mt19937 random(1);
  const PackedRows packed =
      pack(type, random_rows(type, kOutputs, inputs, random), kOutputs, inputs);
  auto x = *device::HostBuffer::allocate(std::size_t{num_rows} * inputs * 4);
  std::vector<float> y(std::size_t{num_rows} * kOutputs);
  const auto gemm = arithmetic == ActivationType::kF32 ? kernels.gemm_f32 : kernels.gemm_bf16;
  for (auto _ : state) {
    gemm({.weights = packed.matrix,
          .first_panel = 0,
          .num_panels = packed.matrix.num_panels(),
          .x = x.data(),
          .x_stride = inputs,
          .num_rows = num_rows,
          .y = y.data(),
          .y_stride = kOutputs});
    benchmark::DoNotOptimize(y.data());
  }
  const double products = static_cast<double>(num_rows) * kOutputs * inputs;
  state.counters["GMAC/s"] =
      benchmark::Counter(products * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["Gweights/s"] = benchmark::Counter(static_cast<double>(kOutputs) * inputs * 1e-9,
                                                    benchmark::Counter::kIsIterationInvariantRate);
}

const int kRegistered = [] {
  for (const ActivationType arithmetic : {ActivationType::kF32, ActivationType::kBF16}) {
    for (const WeightType type : kAllWeightTypes) {
      const std::string name = std::string("gemm/") +
                               (arithmetic == ActivationType::kF32 ? "f32/" : "bf16/") +
                               std::string(info(type).name);
      benchmark::RegisterBenchmark(
          name.c_str(), [=](benchmark::State& state) { multiply(state, type, arithmetic); })
          ->Arg(1)
          ->Arg(8)
          ->Arg(32)
          ->Arg(256);
    }
  }
  return 0;
}();

}  // namespace
}  // namespace penstock::kernels
