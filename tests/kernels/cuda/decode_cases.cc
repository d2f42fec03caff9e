// The decode step in one launch against the same step as a chain of the separate kernels, each of
// which has its own reference: logits and KV bit for bit, for every bucket of rows, and the tokens
// of several steps fed back on the device.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/format.h"
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/decode_step.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/paged_attention.h"
#include "kernels/cuda/random_values.h"
#include "kernels/cuda/rms_norm.h"
#include "kernels/cuda/rope.h"
#include "kernels/cuda/skinny_gemm.h"
#include "model/cuda/dense_decode.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using kernels::cuda::DecodeShape;
using model::cuda::DecodeRow;
using model::cuda::DenseDecode;
using model::cuda::DenseMatrix;
using model::cuda::DenseModelShape;
using model::cuda::DenseNorm;
using model::cuda::DenseWeights;

constexpr int kMaxRows = kernels::cuda::kDecodeMaxRows;
constexpr int kMaxBlocks = 36;  // 1,152 tokens a row, five segments
constexpr int kNumKvBlocks = kMaxRows * kMaxBlocks;
constexpr float kEpsilon = 1e-5F;

// Row-major twins of the weights in panels.
struct LayerRows {
  std::uint16_t* qkv;
  std::uint16_t* out;
  std::uint16_t* gate_up;  // gate, then up
  std::uint16_t* down;
};
struct ModelRows {
  std::vector<LayerRows> layers;
  std::uint16_t* embedding;
  std::uint16_t* head;
};

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

Result<std::uint16_t*> random_rows(Gpu& gpu, int num_outputs, int num_inputs, std::uint64_t seed) {
  const std::size_t count = size(num_outputs) * size(num_inputs);
  ASSIGN_OR_RETURN(std::uint16_t* rows, gpu.arena.take<std::uint16_t>(count));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_random_values(
                                 {.to = rows,
                                  .count = count,
                                  .seed = seed,
                                  .offset = 0.0F,
                                  .scale = std::sqrt(3.0F / static_cast<float>(num_inputs))},
                                 gpu.stream.get()),
                             "launch_random_values"));
  return rows;
}

// Random matrices as rows, and packed into `weights`.
Result<ModelRows> make_rows(Gpu& gpu, DenseWeights& weights) {
  const DecodeShape& shape = weights.shape().decode;
  RETURN_IF_ERROR(weights.fill_random(5, gpu.stream));  // the norms; the matrices are replaced
  ModelRows model{};
  std::uint64_t seed = 100;
  for (int i = 0; i < shape.num_layers; ++i) {
    LayerRows rows{};
    ASSIGN_OR_RETURN(rows.qkv, random_rows(gpu, shape.qkv_dim(), shape.dim, ++seed));
    ASSIGN_OR_RETURN(rows.out, random_rows(gpu, shape.dim, shape.q_dim(), ++seed));
    ASSIGN_OR_RETURN(rows.gate_up, random_rows(gpu, 2 * shape.inner, shape.dim, ++seed));
    ASSIGN_OR_RETURN(rows.down, random_rows(gpu, shape.dim, shape.inner, ++seed));
    const std::uint16_t* up = rows.gate_up + (size(shape.inner) * size(shape.dim));
    RETURN_IF_ERROR(weights.pack(i, DenseMatrix::kQkv, rows.qkv, gpu.stream));
    RETURN_IF_ERROR(weights.pack(i, DenseMatrix::kOut, rows.out, gpu.stream));
    RETURN_IF_ERROR(weights.pack(i, DenseMatrix::kGate, rows.gate_up, gpu.stream));
    RETURN_IF_ERROR(weights.pack(i, DenseMatrix::kUp, up, gpu.stream));
    RETURN_IF_ERROR(weights.pack(i, DenseMatrix::kDown, rows.down, gpu.stream));
    model.layers.push_back(rows);
  }
  ASSIGN_OR_RETURN(model.embedding, random_rows(gpu, shape.vocab_size, shape.dim, ++seed));
  RETURN_IF_ERROR(weights.pack_embedding(model.embedding, gpu.stream));
  model.head = model.embedding;
  if (!weights.shape().ties_embeddings) {
    ASSIGN_OR_RETURN(model.head, random_rows(gpu, shape.vocab_size, shape.dim, ++seed));
    RETURN_IF_ERROR(weights.pack_head(model.head, gpu.stream));
  }
  return model;
}

std::vector<float> inverse_frequencies(int head_dim) {
  std::vector<float> values(size(head_dim) / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(std::pow(500'000.0, -2.0 * static_cast<double>(i) / head_dim));
  }
  return values;
}

// The step as separate launches.
class Chain {
 public:
  Chain(Gpu& gpu, const DenseWeights& weights, ModelRows rows)
      : gpu_(gpu), weights_(weights), shape_(weights.shape().decode), rows_(std::move(rows)) {}

  Status open(std::uint16_t* kv_pool) {
    kv_pool_ = kv_pool;
    const std::size_t rows = size(kMaxRows);
    ASSIGN_OR_RETURN(residual_, gpu_.arena.take<std::uint16_t>(rows * size(shape_.dim)));
    ASSIGN_OR_RETURN(normed_, gpu_.arena.take<std::uint16_t>(rows * size(shape_.dim)));
    ASSIGN_OR_RETURN(added_, gpu_.arena.take<std::uint16_t>(rows * size(shape_.dim)));
    ASSIGN_OR_RETURN(qkv_, gpu_.arena.take<std::uint16_t>(rows * size(shape_.qkv_dim())));
    ASSIGN_OR_RETURN(q_, gpu_.arena.take<std::uint16_t>(rows * size(shape_.q_dim())));
    ASSIGN_OR_RETURN(attended_, gpu_.arena.take<std::uint16_t>(rows * size(shape_.q_dim())));
    ASSIGN_OR_RETURN(gate_up_, gpu_.arena.take<std::uint16_t>(rows * size(2 * shape_.inner)));
    ASSIGN_OR_RETURN(activated_, gpu_.arena.take<std::uint16_t>(rows * size(shape_.inner)));
    ASSIGN_OR_RETURN(logits_, gpu_.arena.take<float>(rows * size(shape_.vocab_size)));
    kernels::cuda::PagedAttentionArgs sizes{};
    sizes.kv = kv();
    sizes.num_rows = kMaxRows;
    sizes.num_q_heads = shape_.num_q_heads;
    sizes.max_blocks = kMaxBlocks;
    ASSIGN_OR_RETURN(
        workspace_, gpu_.arena.take<float>(kernels::cuda::paged_attention_workspace_floats(sizes)));
    const auto frequencies = inverse_frequencies(shape_.head_dim);
    ASSIGN_OR_RETURN(float* device_frequencies, gpu_.upload(frequencies));
    constexpr int kNumPositions = kMaxBlocks * kernels::cuda::kKvBlockTokens;
    ASSIGN_OR_RETURN(table_, gpu_.arena.take<float>(kNumPositions * size(shape_.head_dim)));
    return check_cuda(kernels::cuda::launch_rope_table({.inverse_frequencies = device_frequencies,
                                                        .magnitude = 1.0F,
                                                        .table = table_,
                                                        .num_positions = kNumPositions,
                                                        .head_dim = shape_.head_dim},
                                                       gpu_.stream.get()),
                      "launch_rope_table");
  }

  Result<std::vector<float>> forward(const std::vector<DecodeRow>& rows) {
    num_rows_ = static_cast<int>(rows.size());
    std::vector<std::uint32_t> token_ids;
    std::vector<std::int32_t> positions;
    std::vector<std::int32_t> context_lens;
    std::vector<std::uint32_t> tables(rows.size() * kMaxBlocks, 0);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      token_ids.push_back(rows[i].token_id);
      positions.push_back(rows[i].position);
      context_lens.push_back(rows[i].position + 1);
      std::ranges::copy(rows[i].blocks, tables.begin() + (i * kMaxBlocks));
    }
    ASSIGN_OR_RETURN(std::uint32_t* device_ids, gpu_.upload(token_ids));
    ASSIGN_OR_RETURN(positions_, gpu_.upload(positions));
    ASSIGN_OR_RETURN(context_lens_, gpu_.upload(context_lens));
    ASSIGN_OR_RETURN(tables_, gpu_.upload(tables));
    RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_embed({.table = rows_.embedding,
                                                            .token_ids = device_ids,
                                                            .out = residual_,
                                                            .num_rows = num_rows_,
                                                            .dim = shape_.dim,
                                                            .vocab_size = shape_.vocab_size},
                                                           gpu_.stream.get()),
                               "launch_embed"));
    for (int i = 0; i < shape_.num_layers; ++i) RETURN_IF_ERROR(layer(i));
    RETURN_IF_ERROR(norm(added_, weights_.final_norm()));
    RETURN_IF_ERROR(multiply(normed_, rows_.head, nullptr, logits_, shape_.vocab_size, shape_.dim));
    return gpu_.download(logits_, rows.size() * size(shape_.vocab_size));
  }

 private:
  [[nodiscard]] kernels::cuda::KvShape kv() const {
    return {.num_layers = shape_.num_layers,
            .num_kv_heads = shape_.num_kv_heads,
            .head_dim = shape_.head_dim};
  }

  Status norm(const std::uint16_t* added, const std::uint16_t* weight) {
    return check_cuda(kernels::cuda::launch_rms_norm({.x = added,
                                                      .residual = residual_,
                                                      .weight = weight,
                                                      .out = normed_,
                                                      .num_rows = num_rows_,
                                                      .dim = shape_.dim,
                                                      .epsilon = kEpsilon},
                                                     gpu_.stream.get()),
                      "launch_rms_norm");
  }

  Status multiply(const std::uint16_t* x, const std::uint16_t* w, std::uint16_t* y_bf16,
                  float* y_f32, int num_outputs, int num_inputs) {
    return check_cuda(
        kernels::cuda::launch_skinny_gemm({.x = x,
                                           .w = w,
                                           .y_bf16 = y_bf16,
                                           .y_f32 = y_f32,
                                           .num_rows = num_rows_,
                                           .num_outputs = num_outputs,
                                           .num_inputs = num_inputs,
                                           .num_multiprocessors = gpu_.info.num_multiprocessors},
                                          gpu_.stream.get()),
        "launch_skinny_gemm");
  }

  Status attend(int index) {
    RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_rope_kv_write(
                                   {.qkv = qkv_,
                                    .q_norm = weights_.norm(index, DenseNorm::kQ),
                                    .k_norm = weights_.norm(index, DenseNorm::kK),
                                    .table = table_,
                                    .positions = positions_,
                                    .sequences = nullptr,
                                    .block_tables = tables_,
                                    .q_out = q_,
                                    .kv_pool = kv_pool_,
                                    .kv = kv(),
                                    .layer = index,
                                    .num_rows = num_rows_,
                                    .num_q_heads = shape_.num_q_heads,
                                    .max_blocks = kMaxBlocks,
                                    .num_positions = kMaxBlocks * kernels::cuda::kKvBlockTokens,
                                    .epsilon = kEpsilon},
                                   gpu_.stream.get()),
                               "launch_rope_kv_write"));
    return check_cuda(kernels::cuda::launch_paged_attention(
                          {.q = q_,
                           .kv_pool = kv_pool_,
                           .block_tables = tables_,
                           .context_lens = context_lens_,
                           .workspace = workspace_,
                           .out = attended_,
                           .kv = kv(),
                           .layer = index,
                           .num_rows = num_rows_,
                           .num_q_heads = shape_.num_q_heads,
                           .max_blocks = kMaxBlocks,
                           .scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_dim))},
                          gpu_.stream.get()),
                      "launch_paged_attention");
  }

  Status layer(int index) {
    const LayerRows& rows = rows_.layers[size(index)];
    const std::uint16_t* added = index == 0 ? nullptr : added_;
    RETURN_IF_ERROR(norm(added, weights_.norm(index, DenseNorm::kAttention)));
    RETURN_IF_ERROR(multiply(normed_, rows.qkv, qkv_, nullptr, shape_.qkv_dim(), shape_.dim));
    RETURN_IF_ERROR(attend(index));
    RETURN_IF_ERROR(multiply(attended_, rows.out, added_, nullptr, shape_.dim, shape_.q_dim()));
    RETURN_IF_ERROR(norm(added_, weights_.norm(index, DenseNorm::kFfn)));
    RETURN_IF_ERROR(
        multiply(normed_, rows.gate_up, gate_up_, nullptr, 2 * shape_.inner, shape_.dim));
    RETURN_IF_ERROR(check_cuda(
        kernels::cuda::launch_swiglu(
            {.gate_up = gate_up_, .out = activated_, .num_rows = num_rows_, .inner = shape_.inner},
            gpu_.stream.get()),
        "launch_swiglu"));
    return multiply(activated_, rows.down, added_, nullptr, shape_.dim, shape_.inner);
  }

  Gpu& gpu_;
  const DenseWeights& weights_;
  const DecodeShape shape_;
  ModelRows rows_;
  int num_rows_ = 0;
  std::uint16_t* kv_pool_ = nullptr;
  std::uint16_t* residual_ = nullptr;
  std::uint16_t* normed_ = nullptr;
  std::uint16_t* added_ = nullptr;
  std::uint16_t* qkv_ = nullptr;
  std::uint16_t* q_ = nullptr;
  std::uint16_t* attended_ = nullptr;
  std::uint16_t* gate_up_ = nullptr;
  std::uint16_t* activated_ = nullptr;
  float* logits_ = nullptr;
  float* workspace_ = nullptr;
  float* table_ = nullptr;
  std::int32_t* positions_ = nullptr;
  std::int32_t* context_lens_ = nullptr;
  std::uint32_t* tables_ = nullptr;
};

// Contexts around the borders of tiles and segments; the last row the longest.
constexpr std::int32_t kPositions[kMaxRows] = {0,   255, 1023, 31,  32,  700, 256, 1,
                                               511, 512, 30,   257, 900, 63,  64,  1149};

std::vector<std::vector<std::uint32_t>> block_tables() {
  std::vector<std::vector<std::uint32_t>> tables(kMaxRows);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(kNumKvBlocks); ++i) {
    tables[i / kMaxBlocks].push_back(i * 5 % kNumKvBlocks);
  }
  return tables;
}

std::vector<DecodeRow> make_batch(const std::vector<std::vector<std::uint32_t>>& tables,
                                  std::size_t first, int num_rows, int vocab_size) {
  std::vector<DecodeRow> rows;
  for (std::size_t i = first; i < first + size(num_rows); ++i) {
    rows.push_back(
        {.token_id = static_cast<std::uint32_t>(i * 7919) % static_cast<std::uint32_t>(vocab_size),
         .position = kPositions[i],
         .blocks = tables[i]});
  }
  return rows;
}

struct Models {
  DenseDecode decode;
  std::uint16_t* chain_pool;
};

// The same random past in both pools.
Status fill_pools(Gpu& gpu, const Models& models) {
  for (std::uint16_t* pool : {models.decode.kv_pool(), models.chain_pool}) {
    RETURN_IF_ERROR(
        check_cuda(kernels::cuda::launch_random_values({.to = pool,
                                                        .count = models.decode.kv_pool_elements(),
                                                        .seed = 77,
                                                        .offset = 0.0F,
                                                        .scale = 1.5F},
                                                       gpu.stream.get()),
                   "launch_random_values"));
  }
  return {};
}

Status compare_pools(Gpu& gpu, Report& report, const std::string& name, const Models& models) {
  const std::size_t count = models.decode.kv_pool_elements();
  ASSIGN_OR_RETURN(const auto want, gpu.download(models.chain_pool, count));
  ASSIGN_OR_RETURN(const auto got, gpu.download(models.decode.kv_pool(), count));
  report.same(name + ", KV", want, got);
  return {};
}

Status check_steps(Gpu& gpu, Report& report, const std::string& name, Models& models,
                   Chain& chain) {
  constexpr int kRows = 3;
  constexpr std::uint32_t kSteps = 4;
  const int vocab = models.decode.weights().shape().decode.vocab_size;
  const auto tables = block_tables();
  auto rows = make_batch(tables, 0, kRows, vocab);
  RETURN_IF_ERROR(fill_pools(gpu, models));
  RETURN_IF_ERROR(models.decode.set_rows(rows, gpu.stream));
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    RETURN_IF_ERROR(models.decode.launch_step(kRows, gpu.stream));
  }
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    ASSIGN_OR_RETURN(const auto logits, chain.forward(rows));
    std::vector<std::uint32_t> want;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = std::span(logits).subspan(i * size(vocab), size(vocab));
      want.push_back(static_cast<std::uint32_t>(std::ranges::max_element(row) - row.begin()));
      rows[i].token_id = want.back();
      ++rows[i].position;
    }
    ASSIGN_OR_RETURN(const auto got, models.decode.tokens_of(step, kRows, gpu.stream));
    report.same(format("{}, tokens of step {} in a graph", name, step), want, got);
  }
  return {};
}

Status check_model(Gpu& gpu, Report& report, const std::string& name,
                   const DenseModelShape& shape) {
  gpu.arena.reset();
  ASSIGN_OR_RETURN(auto weights, DenseWeights::allocate(shape, gpu.stream));
  ASSIGN_OR_RETURN(ModelRows rows, make_rows(gpu, weights));
  const auto frequencies = inverse_frequencies(shape.decode.head_dim);
  Models models{};
  ASSIGN_OR_RETURN(
      models.decode,
      DenseDecode::create(std::move(weights),
                          {.max_rows = kMaxRows,
                           .max_blocks_per_row = kMaxBlocks,
                           .num_kv_blocks = kNumKvBlocks,
                           .num_positions = kMaxBlocks * kernels::cuda::kKvBlockTokens},
                          {.inverse_frequencies = frequencies}, kEpsilon, gpu.info, gpu.stream));
  ASSIGN_OR_RETURN(models.chain_pool,
                   gpu.arena.take<std::uint16_t>(models.decode.kv_pool_elements()));
  Chain chain(gpu, models.decode.weights(), std::move(rows));
  RETURN_IF_ERROR(chain.open(models.chain_pool));
  const auto tables = block_tables();
  const int vocab = shape.decode.vocab_size;
  std::vector<float> all;
  for (const int num_rows : {16, 1, 2, 7, 8, 9}) {
    const std::string label = format("{} M={}", name, num_rows);
    const auto batch = make_batch(tables, 0, num_rows, vocab);
    RETURN_IF_ERROR(fill_pools(gpu, models));
    ASSIGN_OR_RETURN(const auto want, chain.forward(batch));
    RETURN_IF_ERROR(models.decode.set_rows(batch, gpu.stream));
    RETURN_IF_ERROR(models.decode.launch_forward(num_rows, gpu.stream));
    ASSIGN_OR_RETURN(const auto got, gpu.download(models.decode.logits(), want.size()));
    report.same(label + ", logits", want, got);
    report.holds(label + ", finite",
                 std::ranges::all_of(got, [](float v) { return std::isfinite(v); }));
    if (num_rows == 16) {
      all = got;
      RETURN_IF_ERROR(compare_pools(gpu, report, label, models));
    } else {
      report.same(label + ", bits of M=16", std::span<const float>(all).first(got.size()),
                  std::span<const float>(got));
    }
  }
  return check_steps(gpu, report, name, models, chain);
}

}  // namespace

Status run_decode_cases(Gpu& gpu, Report& report) {
  RETURN_IF_ERROR(check_model(gpu, report, "decode Llama head_dim 64",
                              {.decode = {.num_layers = 3,
                                          .dim = 256,
                                          .inner = 576,
                                          .num_q_heads = 8,
                                          .num_kv_heads = 2,
                                          .head_dim = 64,
                                          .vocab_size = 1008}}));
  RETURN_IF_ERROR(check_model(gpu, report, "decode Qwen3 tied",
                              {.decode = {.num_layers = 3,
                                          .dim = 1024,
                                          .inner = 3072,
                                          .num_q_heads = 16,
                                          .num_kv_heads = 8,
                                          .head_dim = 128,
                                          .vocab_size = 4800},
                               .has_qk_norm = true,
                               .ties_embeddings = true}));
  return check_model(gpu, report, "decode of the 8B shape, one layer",
                     {.decode = {.num_layers = 1,
                                 .dim = 4096,
                                 .inner = 14336,
                                 .num_q_heads = 32,
                                 .num_kv_heads = 8,
                                 .head_dim = 128,
                                 .vocab_size = 2064}});
}

}  // namespace penstock::gpu_test
