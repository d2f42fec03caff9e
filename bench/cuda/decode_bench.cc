#include "bench/cuda/decode_bench.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/format.h"
#include "kernels/cuda/kv_layout.h"
#include "model/cuda/dense_decode.h"

namespace penstock::gpu_bench {
namespace {

using kernels::cuda::kKvBlockTokens;
using model::cuda::DecodeRow;
using model::cuda::DenseDecode;
using model::cuda::DenseShape;
using model::cuda::DenseWeights;

struct Anchor {
  const char* name;
  DenseShape shape;
};

const Anchor kAnchors[] = {
    {"Qwen3-0.6B",
     {.num_layers = 28,
      .dim = 1024,
      .inner = 3072,
      .num_q_heads = 16,
      .num_kv_heads = 8,
      .head_dim = 128,
      .vocab_size = 151936,
      .has_qk_norm = true,
      .ties_embeddings = true}},
    {"Llama-3.2-1B",
     {.num_layers = 16,
      .dim = 2048,
      .inner = 8192,
      .num_q_heads = 32,
      .num_kv_heads = 8,
      .head_dim = 64,
      .vocab_size = 128256,
      .has_qk_norm = false,
      .ties_embeddings = true}},
    {"Llama-3.1-8B",
     {.num_layers = 32,
      .dim = 4096,
      .inner = 14336,
      .num_q_heads = 32,
      .num_kv_heads = 8,
      .head_dim = 128,
      .vocab_size = 128256}},
};

constexpr int kMaxRows = 128;
constexpr int kMaxContext = 8192;
constexpr int kMostTokens = 16 * kMaxContext;  // of all rows together
constexpr int kStepsPerSample = 8;
constexpr int kSamples = 9;

Result<DenseDecode> open_decode(const Anchor& anchor, const device::cuda::DeviceInfo& info,
                                const device::cuda::Stream& stream) {
  ASSIGN_OR_RETURN(auto weights, DenseWeights::allocate(anchor.shape));
  RETURN_IF_ERROR(weights.fill_random(1, stream));
  const int head_dim = anchor.shape.head_dim;
  std::vector<float> frequencies(static_cast<std::size_t>(head_dim) / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] =
        static_cast<float>(std::pow(500'000.0, -2.0 * static_cast<double>(i) / head_dim));
  }
  constexpr int kBlocksPerRow = (kMaxContext / kKvBlockTokens) + 8;
  return DenseDecode::create(std::move(weights),
                             {.max_rows = kMaxRows,
                              .max_blocks_per_row = kBlocksPerRow,
                              .num_kv_blocks = (kMostTokens / kKvBlockTokens) + (8 * kMaxRows),
                              .num_positions = kBlocksPerRow * kKvBlockTokens},
                             {.inverse_frequencies = frequencies}, 1e-5F, info, stream);
}

// Per step, in us. The contexts pass `context` in the middle of the run.
Result<Timing> time_steps(DenseDecode& decode, int num_rows, int context,
                          const device::cuda::Stream& stream) {
  constexpr int kSteps = kStepsPerSample * (kSamples + 1);
  const int blocks_per_row = ((context + kSteps) / kKvBlockTokens) + 1;
  std::vector<std::vector<std::uint32_t>> tables(static_cast<std::size_t>(num_rows));
  std::vector<DecodeRow> rows;
  for (std::uint32_t r = 0; r < tables.size(); ++r) {
    for (int b = 0; b < blocks_per_row; ++b) {  // rows interleave in the pool
      tables[r].push_back((static_cast<std::uint32_t>(b) * tables.size()) + r);
    }
    rows.push_back({.token_id = 1000 + r, .position = context - (kSteps / 2), .blocks = tables[r]});
  }
  RETURN_IF_ERROR(decode.set_rows(rows, stream));
  ASSIGN_OR_RETURN(const auto start, device::cuda::Event::create());
  ASSIGN_OR_RETURN(const auto end, device::cuda::Event::create());
  std::array<double, kSamples> us{};
  for (int sample = -1; sample < kSamples; ++sample) {  // the first warms up
    RETURN_IF_ERROR(start.record(stream));
    for (int i = 0; i < kStepsPerSample; ++i) {
      RETURN_IF_ERROR(decode.launch_step(num_rows, stream));
    }
    RETURN_IF_ERROR(end.record(stream));
    RETURN_IF_ERROR(end.synchronize());
    if (sample < 0) continue;
    ASSIGN_OR_RETURN(const float milliseconds, start.milliseconds_to(end));
    us[static_cast<std::size_t>(sample)] =
        static_cast<double>(milliseconds) * 1000.0 / kStepsPerSample;
  }
  std::ranges::sort(us);
  return Timing{.median_us = us[kSamples / 2], .min_us = us.front(), .max_us = us.back()};
}

}  // namespace

Status bench_decode(const device::cuda::DeviceInfo& info, const device::cuda::Stream& stream,
                    const Report& report) {
  for (const Anchor& anchor : kAnchors) {
    ASSIGN_OR_RETURN(auto decode, open_decode(anchor, info, stream));
    const auto& shape = anchor.shape;
    for (const int context : {1024, kMaxContext}) {
      for (const int num_rows : {1, 2, 4, 8, 16, 32, 64, 128}) {
        if (num_rows * context > kMostTokens) continue;
        ASSIGN_OR_RETURN(const Timing timing, time_steps(decode, num_rows, context, stream));
        const double kv_bytes =
            4.0 * num_rows * context * shape.num_layers * shape.num_kv_heads * shape.head_dim;
        report.row({.kernel = "decode",
                    .model = anchor.name,
                    .shape = format("context {}", context),
                    .batch = num_rows,
                    .num_kernels = 0,
                    .num_bytes = static_cast<double>(decode.weights().bytes_per_step()) + kv_bytes,
                    .timing = timing});
      }
    }
  }
  return {};
}

}  // namespace penstock::gpu_bench
