// Kernels of a decode step as shares of the card's limits, both measured in this run.
//
//   gpu_bench [FILE [decode]]    table to stdout, JSON lines to FILE; whole decode steps, then the
//                                separate kernels unless `decode` is given
//                                exit 0, 1 on an error, 77 without GPU
//
// Weights and KV rotate through more memory than the L2 holds. Activations stay where the kernel
// before would have left them, in L2. Launches of a kernel overlap each other as they do in a step.
#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "bench/cuda/decode_bench.h"
#include "bench/cuda/gpu_limits.h"
#include "bench/cuda/report.h"
#include "bench/cuda/timed_graph.h"
#include "device/cuda/cuda_error.h"
#include "device/cuda/memory.h"
#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/product.h"

namespace penstock::gpu_bench {
namespace {

using device::cuda::check_cuda;

constexpr int kNoDevice = 77;
constexpr std::size_t kPoolBytes = std::size_t{4} << 30;
constexpr std::size_t kScratchBytes = std::size_t{512} << 20;
constexpr std::size_t kRotatedBytes = std::size_t{256} << 20;  // several times the L2
constexpr int kMaxLaunches = 128;

struct Model {
  std::string name;
  int num_layers;
  int dim;
  int inner;
  int num_q_heads;
  int num_kv_heads;
  int head_dim;
  int vocab_size;
};

const Model kModels[] = {
    {"Qwen3-0.6B", 28, 1024, 3072, 16, 8, 128, 151936},
    {"Llama-3.2-1B", 16, 2048, 8192, 32, 8, 64, 128256},
    {"Llama-3.1-8B", 32, 4096, 14336, 32, 8, 128, 128256},
};

struct Bench {
  device::cuda::DeviceInfo info;
  device::cuda::Stream stream;
  device::cuda::DeviceBuffer pool;  // random bf16: weights, KV, what the read limit reads
  device::cuda::DeviceArena scratch;
  Limits limits;
};

// How often to launch so that `bytes_each` times it passes the L2, and how many copies fit.
int launches_for(double bytes_each) {
  const double wanted = static_cast<double>(kRotatedBytes) / bytes_each;
  return std::clamp(static_cast<int>(wanted) + 1, 8, kMaxLaunches);
}

Result<Limits> measure_limits(Bench& bench) {
  Limits limits;
  ASSIGN_OR_RETURN(std::uint32_t* sink, bench.scratch.take<std::uint32_t>(1));
  for (const int blocks_per_multiprocessor : {1, 2, 4}) {
    const int num_blocks = blocks_per_multiprocessor * bench.info.num_multiprocessors;
    ASSIGN_OR_RETURN(const Timing timing, time_in_graph(bench.stream, 2, [&](int) {
                       return launch_read(bench.pool.data(), kPoolBytes / 16, sink, num_blocks,
                                          bench.stream.get());
                     }));
    limits.read_gb_per_s =
        std::max(limits.read_gb_per_s, static_cast<double>(kPoolBytes) / timing.median_us * 1e-3);
  }
  constexpr int kFew = 8;
  constexpr int kMany = 264;
  const auto nothing = [&](int) { return launch_nothing(bench.stream.get()); };
  ASSIGN_OR_RETURN(const Timing few, time_in_graph(bench.stream, kFew, nothing));
  ASSIGN_OR_RETURN(const Timing many, time_in_graph(bench.stream, kMany, nothing));
  limits.launch_us = ((many.median_us * kMany) - (few.median_us * kFew)) / (kMany - kFew);
  return limits;
}

Result<Bench> open_bench() {
  Bench bench;
  ASSIGN_OR_RETURN(bench.info, device::cuda::select_device(0));
  ASSIGN_OR_RETURN(bench.stream, device::cuda::Stream::create());
  ASSIGN_OR_RETURN(bench.pool, device::cuda::DeviceBuffer::allocate(kPoolBytes));
  ASSIGN_OR_RETURN(bench.scratch, device::cuda::DeviceArena::create(kScratchBytes));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::prepare_skinny_product(), "prepare_skinny_product"));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::prepare_wide_product(), "prepare_wide_product"));
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::prepare_decode_attention(), "prepare_decode_attention"));
  RETURN_IF_ERROR(check_cuda(launch_fill(bench.pool.data(), kPoolBytes / 16,
                                         4 * bench.info.num_multiprocessors, bench.stream.get()),
                             "launch_fill"));
  RETURN_IF_ERROR(bench.stream.synchronize());
  ASSIGN_OR_RETURN(bench.limits, measure_limits(bench));
  return bench;
}

// Finite activations; what they hold does not change a time.
Result<std::uint16_t*> activations(Bench& bench, std::size_t count) {
  const std::size_t padded = (count + 7) / 8 * 8;
  ASSIGN_OR_RETURN(std::uint16_t* at, bench.scratch.take<std::uint16_t>(padded));
  RETURN_IF_ERROR(check_cuda(launch_fill(reinterpret_cast<std::byte*>(at), padded / 8,
                                         bench.info.num_multiprocessors, bench.stream.get()),
                             "launch_fill"));
  return at;
}

struct Matrix {
  std::string name;
  kernels::cuda::ProductKind kind;
  int num_outputs;
  int num_inputs;
};

Status bench_product(Bench& bench, const Report& report, const Model& model, const Matrix& matrix,
                     int batch) {
  bench.scratch.reset();
  const std::size_t weights = static_cast<std::size_t>(matrix.num_outputs) * matrix.num_inputs;
  const std::size_t outputs = static_cast<std::size_t>(batch) * matrix.num_outputs;
  const std::size_t inputs = static_cast<std::size_t>(batch) * matrix.num_inputs;
  const bool is_f32 = matrix.kind == kernels::cuda::ProductKind::kLogits;
  kernels::cuda::ProductArgs args{.kind = matrix.kind,
                                  .epsilon = 1e-5F,
                                  .num_rows = batch,
                                  .num_outputs = matrix.num_outputs,
                                  .num_inputs = matrix.num_inputs,
                                  .num_multiprocessors = bench.info.num_multiprocessors};
  ASSIGN_OR_RETURN(args.x, activations(bench, inputs));
  ASSIGN_OR_RETURN(args.y, activations(bench, outputs));
  ASSIGN_OR_RETURN(args.logits, bench.scratch.take<float>(outputs));
  ASSIGN_OR_RETURN(args.residual.residual, activations(bench, outputs));
  ASSIGN_OR_RETURN(args.residual.norm_weight, activations(bench, outputs));
  ASSIGN_OR_RETURN(args.residual.weighted, activations(bench, outputs));
  ASSIGN_OR_RETURN(args.residual.squares, bench.scratch.take<float>(outputs));
  const auto num_copies = static_cast<int>(kPoolBytes / (weights * 2));
  const double num_bytes = (2.0 * static_cast<double>(weights)) +
                           (2.0 * static_cast<double>(inputs)) +
                           ((is_f32 ? 4.0 : 2.0) * static_cast<double>(outputs));
  const auto launch = [&](int i) {
    kernels::cuda::ProductArgs one = args;
    one.w = reinterpret_cast<const std::uint16_t*>(bench.pool.data()) +
            (weights * static_cast<std::size_t>(i % num_copies));
    return batch <= kernels::cuda::kSkinnyMaxRows
               ? kernels::cuda::launch_skinny_product(one, bench.stream.get())
               : kernels::cuda::launch_wide_product(one, bench.stream.get());
  };
  ASSIGN_OR_RETURN(const Timing timing,
                   time_in_graph(bench.stream, launches_for(num_bytes), launch));
  report.row({.kernel = matrix.name,
              .model = model.name,
              .shape = format("N={} K={}", matrix.num_outputs, matrix.num_inputs),
              .batch = batch,
              .num_kernels = 1,
              .num_bytes = num_bytes,
              .timing = timing});
  return {};
}

Status bench_attention(Bench& bench, const Report& report, const Model& model, int batch,
                       int context) {
  bench.scratch.reset();
  constexpr int kLayers = 4;
  const int blocks_per_row = context / kernels::cuda::kKvBlockTokens;
  const auto blocks_per_set = static_cast<std::size_t>(batch) * blocks_per_row;
  const double kv_bytes = 4.0 * batch * context * model.num_kv_heads * model.head_dim;
  const std::size_t set_bytes = static_cast<std::size_t>(kv_bytes) * kLayers;
  const std::size_t num_sets = std::clamp<std::size_t>(kRotatedBytes / set_bytes, 1, 32);
  if (num_sets * set_bytes > kPoolBytes) {
    return make_error(ErrorCode::kInvalid, "KV of {} bytes is over the pool's {}", set_bytes,
                      kPoolBytes);
  }
  // Blocks of a set in an order that is not the pool's: counts are powers of two, 2654435761 odd.
  std::vector<std::uint32_t> tables(num_sets * blocks_per_set);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::size_t set = i / blocks_per_set;
    tables[i] =
        static_cast<std::uint32_t>((set * blocks_per_set) + (i * 2654435761U % blocks_per_set));
  }
  const std::vector<std::int32_t> positions(static_cast<std::size_t>(batch), context - 1);
  const int heads = model.num_q_heads + (2 * model.num_kv_heads);
  const auto rows = static_cast<std::size_t>(batch);
  const auto head_dim = static_cast<std::size_t>(model.head_dim);
  kernels::cuda::DecodeAttentionArgs args{};
  args.kv_pool = reinterpret_cast<std::uint16_t*>(bench.pool.data());
  args.kv = {.num_layers = kLayers, .num_kv_heads = model.num_kv_heads, .head_dim = model.head_dim};
  args.num_rows = batch;
  args.num_q_heads = model.num_q_heads;
  args.max_blocks = blocks_per_row;
  args.num_positions = context;
  args.num_multiprocessors = bench.info.num_multiprocessors;
  const std::size_t q_count = rows * static_cast<std::size_t>(model.num_q_heads) * head_dim;
  ASSIGN_OR_RETURN(args.qkv, activations(bench, rows * static_cast<std::size_t>(heads) * head_dim));
  ASSIGN_OR_RETURN(args.out, activations(bench, q_count));
  ASSIGN_OR_RETURN(const std::uint16_t* angles,
                   activations(bench, static_cast<std::size_t>(context) * head_dim * 2));
  args.rope_table = reinterpret_cast<const float*>(angles);
  ASSIGN_OR_RETURN(args.partials,
                   bench.scratch.take<float>(kernels::cuda::decode_attention_partial_floats(
                       args.kv, batch, model.num_q_heads, blocks_per_row)));
  const std::size_t num_heads = rows * static_cast<std::size_t>(model.num_kv_heads);
  ASSIGN_OR_RETURN(args.finished, bench.scratch.take<std::uint32_t>(num_heads));
  ASSIGN_OR_RETURN(std::uint32_t* device_tables, bench.scratch.take<std::uint32_t>(tables.size()));
  ASSIGN_OR_RETURN(std::int32_t* device_positions,
                   bench.scratch.take<std::int32_t>(positions.size()));
  args.positions = device_positions;
  RETURN_IF_ERROR(check_cuda(
      cudaMemsetAsync(args.finished, 0, num_heads * sizeof(std::uint32_t), bench.stream.get()),
      "cudaMemsetAsync"));
  RETURN_IF_ERROR(copy_to_device(reinterpret_cast<std::byte*>(device_tables),
                                 std::as_bytes(std::span(tables)), bench.stream));
  RETURN_IF_ERROR(copy_to_device(reinterpret_cast<std::byte*>(device_positions),
                                 std::as_bytes(std::span(positions)), bench.stream));
  RETURN_IF_ERROR(bench.stream.synchronize());

  const auto launch = [&](int i) {
    kernels::cuda::DecodeAttentionArgs one = args;
    one.layer = i % kLayers;
    one.block_tables =
        device_tables + (static_cast<std::size_t>(i / kLayers) % num_sets * blocks_per_set);
    return kernels::cuda::launch_decode_attention(one, bench.stream.get());
  };
  const int count = static_cast<int>(num_sets) * kLayers;
  ASSIGN_OR_RETURN(const Timing timing, time_in_graph(bench.stream, count, launch));
  report.row({.kernel = "attention",
              .model = model.name,
              .shape = format("context {}", context),
              .batch = batch,
              .num_kernels = 1,
              .num_bytes = kv_bytes + (4.0 * static_cast<double>(q_count)),
              .timing = timing});
  return {};
}

Status bench_model(Bench& bench, const Report& report, const Model& model, int batch) {
  using kernels::cuda::ProductKind;
  const int heads_dim = model.num_q_heads * model.head_dim;
  const int qkv = heads_dim + (2 * model.num_kv_heads * model.head_dim);
  for (const Matrix& matrix :
       {Matrix{"qkv", ProductKind::kRows, qkv, model.dim},
        Matrix{"attn_out", ProductKind::kResidual, model.dim, heads_dim},
        Matrix{"gate_up", ProductKind::kSwiglu, 2 * model.inner, model.dim},
        Matrix{"down", ProductKind::kResidual, model.dim, model.inner},
        Matrix{"lm_head", ProductKind::kLogits, model.vocab_size, model.dim}}) {
    RETURN_IF_ERROR(bench_product(bench, report, model, matrix, batch));
  }
  for (const int context : {1024, 8192}) {
    if (batch * context > 16 * 8192) continue;
    RETURN_IF_ERROR(bench_attention(bench, report, model, batch, context));
  }
  return {};
}

Status run(std::FILE* json, bool decode_only) {
  ASSIGN_OR_RETURN(Bench bench, open_bench());
  std::printf("%s\n",
              format("{}: {} multiprocessors, L2 {} MiB; read limit {:.0f} GB/s, a kernel in "
                     "a graph {:.2f} us; medians of {}",
                     bench.info.name, bench.info.num_multiprocessors, bench.info.l2_bytes >> 20,
                     bench.limits.read_gb_per_s, bench.limits.launch_us, kNumReplays)
                  .c_str());
  if (json != nullptr) {
    std::fprintf(
        json, "%s\n",
        format(R"({{"kernel":"limits","device":"{}","read_gb_per_s":{:.1f},"launch_us":{:.3f}}})",
               bench.info.name, bench.limits.read_gb_per_s, bench.limits.launch_us)
            .c_str());
  }
  const Report report(bench.limits, json);
  report.header();
  RETURN_IF_ERROR(bench_decode(bench.info, bench.stream, report));
  if (decode_only) return {};
  for (const Model& model : kModels) {
    for (const int batch : {1, 4, 8, 16, 32, 64, 128}) {
      RETURN_IF_ERROR(bench_model(bench, report, model, batch));
    }
  }
  return {};
}

}  // namespace
}  // namespace penstock::gpu_bench

int main(int argc, char** argv) {
  using namespace penstock;
  std::FILE* json = argc > 1 ? std::fopen(argv[1], "w") : nullptr;
  if (argc > 1 && json == nullptr) {
    std::fprintf(stderr, "gpu_bench: %s cannot be written\n", argv[1]);
    return 1;
  }
  const bool decode_only = argc > 2 && std::string_view(argv[2]) == "decode";
  const Status status = gpu_bench::run(json, decode_only);
  if (json != nullptr) std::fclose(json);
  if (status) return 0;
  std::printf("gpu_bench stopped: %s\n", status.error().message().c_str());
  return status.error().code() == ErrorCode::kUnavailable ? gpu_bench::kNoDevice : 1;
}
