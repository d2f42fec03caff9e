// Kernels of a decode step as shares of the card's limits, both measured in this run.
//
//   gpu_bench [FILE [decode]]    table to stdout, JSON lines to FILE; whole decode steps, then the
//                                separate kernels unless `decode` is given
//                                exit 0, 1 on an error, 77 without GPU
//
// Weights and KV rotate through more memory than the L2 holds. Activations stay where the kernel
// before would have left them, in L2.
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
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/paged_attention.h"
#include "kernels/cuda/rms_norm.h"
#include "kernels/cuda/skinny_gemm.h"

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
  RETURN_IF_ERROR(check_cuda(kernels::cuda::prepare_skinny_gemm(), "prepare_skinny_gemm"));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::prepare_paged_attention(), "prepare_paged_attention"));
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
  int num_outputs;
  int num_inputs;
  bool is_f32;
};

Result<double> bench_gemm(Bench& bench, const Report& report, const Model& model,
                          const Matrix& matrix, int batch) {
  bench.scratch.reset();
  const std::size_t weights = static_cast<std::size_t>(matrix.num_outputs) * matrix.num_inputs;
  const std::size_t outputs = static_cast<std::size_t>(batch) * matrix.num_outputs;
  ASSIGN_OR_RETURN(std::uint16_t* x,
                   activations(bench, static_cast<std::size_t>(batch) * matrix.num_inputs));
  ASSIGN_OR_RETURN(float* y, bench.scratch.take<float>(outputs));
  const auto num_copies = static_cast<int>(kPoolBytes / (weights * 2));
  const double num_bytes = (2.0 * static_cast<double>(weights)) +
                           (2.0 * batch * matrix.num_inputs) +
                           ((matrix.is_f32 ? 4.0 : 2.0) * static_cast<double>(outputs));
  const auto launch = [&](int i) {
    return kernels::cuda::launch_skinny_gemm(
        {.x = x,
         .w = reinterpret_cast<const std::uint16_t*>(bench.pool.data()) +
              (weights * static_cast<std::size_t>(i % num_copies)),
         .y_bf16 = matrix.is_f32 ? nullptr : reinterpret_cast<std::uint16_t*>(y),
         .y_f32 = matrix.is_f32 ? y : nullptr,
         .num_rows = batch,
         .num_outputs = matrix.num_outputs,
         .num_inputs = matrix.num_inputs,
         .num_multiprocessors = bench.info.num_multiprocessors},
        bench.stream.get());
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
  return timing.median_us;
}

Result<double> bench_attention(Bench& bench, const Report& report, const Model& model, int batch,
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
  const std::vector<std::int32_t> lengths(static_cast<std::size_t>(batch), context);
  kernels::cuda::PagedAttentionArgs args{
      .q = nullptr,
      .kv_pool = reinterpret_cast<const std::uint16_t*>(bench.pool.data()),
      .block_tables = nullptr,
      .context_lens = nullptr,
      .workspace = nullptr,
      .out = nullptr,
      .kv = {.num_layers = kLayers, .num_kv_heads = model.num_kv_heads, .head_dim = model.head_dim},
      .layer = 0,
      .num_rows = batch,
      .num_q_heads = model.num_q_heads,
      .max_blocks = blocks_per_row,
      .scale = 0.1F};
  const std::size_t q_count = static_cast<std::size_t>(batch) * model.num_q_heads * model.head_dim;
  ASSIGN_OR_RETURN(args.q, activations(bench, q_count));
  ASSIGN_OR_RETURN(args.out, activations(bench, q_count));
  ASSIGN_OR_RETURN(args.workspace, bench.scratch.take<float>(
                                       kernels::cuda::paged_attention_workspace_floats(args)));
  ASSIGN_OR_RETURN(std::uint32_t* device_tables, bench.scratch.take<std::uint32_t>(tables.size()));
  ASSIGN_OR_RETURN(std::int32_t* device_lengths, bench.scratch.take<std::int32_t>(lengths.size()));
  RETURN_IF_ERROR(copy_to_device(reinterpret_cast<std::byte*>(device_tables),
                                 std::as_bytes(std::span(tables)), bench.stream));
  RETURN_IF_ERROR(copy_to_device(reinterpret_cast<std::byte*>(device_lengths),
                                 std::as_bytes(std::span(lengths)), bench.stream));
  RETURN_IF_ERROR(bench.stream.synchronize());
  args.context_lens = device_lengths;

  const auto launch = [&](int i) {
    kernels::cuda::PagedAttentionArgs one = args;
    one.layer = i % kLayers;
    one.block_tables =
        device_tables + (static_cast<std::size_t>(i / kLayers) % num_sets * blocks_per_set);
    return kernels::cuda::launch_paged_attention(one, bench.stream.get());
  };
  const int count = static_cast<int>(num_sets) * kLayers;
  ASSIGN_OR_RETURN(const Timing timing, time_in_graph(bench.stream, count, launch));
  report.row({.kernel = "attention",
              .model = model.name,
              .shape = format("context {}", context),
              .batch = batch,
              .num_kernels = 2,
              .num_bytes = kv_bytes + (4.0 * static_cast<double>(q_count)),
              .timing = timing});
  return timing.median_us;
}

// Norm, SwiGLU, embedding and argmax: a few KiB to MiB that the kernel before left in L2.
struct SmallKernels {
  double norm_us = 0.0;
  double swiglu_us = 0.0;
  double embed_us = 0.0;
  double argmax_us = 0.0;
};

Result<SmallKernels> bench_small(Bench& bench, const Report& report, const Model& model,
                                 int batch) {
  bench.scratch.reset();
  constexpr int kCount = 64;
  const auto rows = static_cast<std::size_t>(batch);
  ASSIGN_OR_RETURN(std::uint16_t* x, activations(bench, rows * model.dim));
  ASSIGN_OR_RETURN(std::uint16_t* residual, activations(bench, rows * model.dim));
  ASSIGN_OR_RETURN(std::uint16_t* out, activations(bench, rows * model.inner));
  ASSIGN_OR_RETURN(std::uint16_t* gate_up, activations(bench, rows * 2 * model.inner));
  ASSIGN_OR_RETURN(std::uint16_t* logits, activations(bench, rows * 2 * model.vocab_size));
  ASSIGN_OR_RETURN(std::uint64_t* workspace,
                   bench.scratch.take<std::uint64_t>(rows * kernels::cuda::kArgmaxSplits));
  ASSIGN_OR_RETURN(std::uint32_t* ids, bench.scratch.take<std::uint32_t>(rows));
  ASSIGN_OR_RETURN(std::uint32_t* flags, bench.scratch.take<std::uint32_t>(rows));
  const auto* pool = reinterpret_cast<const std::uint16_t*>(bench.pool.data());
  RETURN_IF_ERROR(check_cuda(cudaMemsetAsync(ids, 0, rows * sizeof(*ids), bench.stream.get()),
                             "cudaMemsetAsync"));

  const auto time = [&](const std::string& kernel, int num_kernels, double num_bytes,
                        const std::function<cudaError_t(int)>& launch) -> Result<double> {
    ASSIGN_OR_RETURN(const Timing timing, time_in_graph(bench.stream, kCount, launch));
    report.row({.kernel = kernel,
                .model = model.name,
                .shape = "in L2",
                .batch = batch,
                .num_kernels = num_kernels,
                .num_bytes = num_bytes,
                .timing = timing});
    return timing.median_us;
  };
  const cudaStream_t stream = bench.stream.get();
  SmallKernels times;
  ASSIGN_OR_RETURN(times.norm_us, time("rms_norm", 1, 8.0 * batch * model.dim, [&](int) {
                     return kernels::cuda::launch_rms_norm({.x = x,
                                                            .residual = residual,
                                                            .weight = pool,
                                                            .out = out,
                                                            .num_rows = batch,
                                                            .dim = model.dim,
                                                            .epsilon = 1e-5F},
                                                           stream);
                   }));
  ASSIGN_OR_RETURN(times.swiglu_us, time("swiglu", 1, 6.0 * batch * model.inner, [&](int) {
                     return kernels::cuda::launch_swiglu(
                         {.gate_up = gate_up, .out = out, .num_rows = batch, .inner = model.inner},
                         stream);
                   }));
  ASSIGN_OR_RETURN(times.embed_us, time("embed", 1, 4.0 * batch * model.dim, [&](int) {
                     return kernels::cuda::launch_embed({.table = pool,
                                                         .token_ids = ids,
                                                         .out = out,
                                                         .num_rows = batch,
                                                         .dim = model.dim,
                                                         .vocab_size = model.vocab_size},
                                                        stream);
                   }));
  ASSIGN_OR_RETURN(times.argmax_us, time("argmax", 2, 4.0 * batch * model.vocab_size, [&](int) {
                     return kernels::cuda::launch_argmax(
                         {.logits = reinterpret_cast<const float*>(logits),
                          .workspace = workspace,
                          .token_ids = ids,
                          .nan_flags = flags,
                          .num_rows = batch,
                          .vocab_size = model.vocab_size},
                         stream);
                   }));
  return times;
}

Status bench_model(Bench& bench, const Report& report, const Model& model, int batch) {
  const int heads_dim = model.num_q_heads * model.head_dim;
  const int qkv = heads_dim + (2 * model.num_kv_heads * model.head_dim);
  double layer_us = 0.0;
  for (const Matrix& matrix :
       {Matrix{"qkv", qkv, model.dim, false}, Matrix{"attn_out", model.dim, heads_dim, false},
        Matrix{"gate_up", 2 * model.inner, model.dim, false},
        Matrix{"down", model.dim, model.inner, false}}) {
    ASSIGN_OR_RETURN(const double us, bench_gemm(bench, report, model, matrix, batch));
    layer_us += us;
  }
  const Matrix lm_head{"lm_head", model.vocab_size, model.dim, true};
  ASSIGN_OR_RETURN(const double lm_head_us, bench_gemm(bench, report, model, lm_head, batch));
  ASSIGN_OR_RETURN(const SmallKernels small, bench_small(bench, report, model, batch));
  layer_us += (2.0 * small.norm_us) + small.swiglu_us;
  for (const int context : {1024, 8192}) {
    ASSIGN_OR_RETURN(const double us, bench_attention(bench, report, model, batch, context));
    report.step(model.name, batch, context,
                (model.num_layers * (layer_us + us)) + lm_head_us + small.embed_us + small.norm_us +
                    small.argmax_us);
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
    for (const int batch : {1, 4, 8, 16}) {
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
