// Whole decode steps: logits against the step on the CPU, a row's bits the same among any number of
// rows, and the tokens of several steps fed back on the device.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/random_values.h"
#include "model/cuda/dense_decode.h"
#include "tests/kernels/cuda/gpu_case.h"
#include "tests/kernels/cuda/reference_decoder.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using model::cuda::DecodeRow;
using model::cuda::DenseDecode;
using model::cuda::DenseLayer;
using model::cuda::DenseMatrix;
using model::cuda::DenseShape;
using model::cuda::DenseWeights;

constexpr int kMaxRows = 40;
constexpr int kMaxBlocks = 36;  // 1,152 tokens a row, five segments
constexpr int kNumKvBlocks = kMaxRows * kMaxBlocks;
// Roundings to bf16 that fall differently, in every layer, are about a hundredth of the logits; a
// wrong position, head or norm is all of them.
constexpr double kLogitsLimit = 0x1p-5;

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

Status copy_norm(Gpu& gpu, std::uint16_t* to, const std::vector<std::uint16_t>& norm) {
  if (norm.empty()) return {};
  return device::cuda::copy_to_device(reinterpret_cast<std::byte*>(to),
                                      std::as_bytes(std::span<const std::uint16_t>(norm)),
                                      gpu.stream);
}

Status load_layer(Gpu& gpu, const HostLayer& from, int index, DenseWeights& weights) {
  const DenseLayer& to = weights.layer(index);
  const std::pair<DenseMatrix, const std::vector<std::uint16_t>*> matrices[] = {
      {DenseMatrix::kQkv, &from.qkv},
      {DenseMatrix::kOut, &from.out},
      {DenseMatrix::kGate, &from.gate},
      {DenseMatrix::kUp, &from.up},
      {DenseMatrix::kDown, &from.down}};
  for (const auto& [matrix, rows] : matrices) {
    gpu.arena.reset();
    ASSIGN_OR_RETURN(const std::uint16_t* device_rows, gpu.upload(*rows));
    RETURN_IF_ERROR(weights.pack(index, matrix, device_rows, gpu.stream));
  }
  RETURN_IF_ERROR(copy_norm(gpu, to.attention_norm, from.attention_norm));
  RETURN_IF_ERROR(copy_norm(gpu, to.ffn_norm, from.ffn_norm));
  RETURN_IF_ERROR(copy_norm(gpu, to.q_norm, from.q_norm));
  return copy_norm(gpu, to.k_norm, from.k_norm);
}

Result<DenseWeights> load(Gpu& gpu, const HostModel& model) {
  ASSIGN_OR_RETURN(auto weights, DenseWeights::allocate(model.shape));
  for (int i = 0; i < model.shape.num_layers; ++i) {
    RETURN_IF_ERROR(load_layer(gpu, model.layers[size(i)], i, weights));
  }
  gpu.arena.reset();
  ASSIGN_OR_RETURN(const std::uint16_t* embedding, gpu.upload(model.embedding));
  RETURN_IF_ERROR(weights.pack_embedding(embedding, gpu.stream));
  if (!model.head.empty()) {
    ASSIGN_OR_RETURN(const std::uint16_t* head, gpu.upload(model.head));
    RETURN_IF_ERROR(weights.pack_head(head, gpu.stream));
  }
  RETURN_IF_ERROR(copy_norm(gpu, weights.final_norm(), model.final_norm));
  RETURN_IF_ERROR(gpu.stream.synchronize());
  gpu.arena.reset();
  return weights;
}

// Contexts around the borders of tiles and segments, then strewn.
std::int32_t position_of(std::size_t row) {
  constexpr std::int32_t kBorders[] = {33,  255, 1023, 31,  32,  700, 256, 1,
                                       511, 512, 30,   257, 900, 63,  0,   1141};
  return row < 16 ? kBorders[row] : static_cast<std::int32_t>(row * 389 % 1140);
}

std::vector<std::vector<std::uint32_t>> block_tables() {
  std::vector<std::vector<std::uint32_t>> tables(kMaxRows);
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(kNumKvBlocks); ++i) {
    tables[i / kMaxBlocks].push_back(i * 7 % kNumKvBlocks);
  }
  return tables;
}

std::vector<DecodeRow> make_batch(const std::vector<std::vector<std::uint32_t>>& tables,
                                  int num_rows, int vocab_size) {
  std::vector<DecodeRow> rows;
  for (std::size_t i = 0; i < size(num_rows); ++i) {
    rows.push_back(
        {.token_id = static_cast<std::uint32_t>(i * 7919) % static_cast<std::uint32_t>(vocab_size),
         .position = position_of(i),
         .blocks = tables[i]});
  }
  return rows;
}

Status fill_pool(Gpu& gpu, const DenseDecode& decode) {
  return check_cuda(kernels::cuda::launch_random_values({.to = decode.kv_pool(),
                                                         .count = decode.kv_pool_elements(),
                                                         .seed = 77,
                                                         .offset = 0.0F,
                                                         .scale = 1.5F},
                                                        gpu.stream.get()),
                    "launch_random_values");
}

Result<std::vector<float>> forward(Gpu& gpu, DenseDecode& decode,
                                   const std::vector<DecodeRow>& rows) {
  RETURN_IF_ERROR(decode.set_rows(rows, gpu.stream));
  RETURN_IF_ERROR(decode.launch_forward(static_cast<int>(rows.size()), gpu.stream));
  return gpu.download(decode.logits(), rows.size() * size(decode.weights().shape().vocab_size));
}

// Graphs and feedback: what single forwards with the host in between choose.
Status check_steps(Gpu& gpu, Report& report, const std::string& name, DenseDecode& decode) {
  constexpr int kRows = 3;
  constexpr std::uint32_t kSteps = 4;
  const int vocab = decode.weights().shape().vocab_size;
  const auto tables = block_tables();
  auto rows = make_batch(tables, kRows, vocab);
  RETURN_IF_ERROR(fill_pool(gpu, decode));
  RETURN_IF_ERROR(decode.set_rows(rows, gpu.stream));
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    RETURN_IF_ERROR(decode.launch_step(kRows, gpu.stream));
  }
  ASSIGN_OR_RETURN(const auto pool, gpu.download(decode.kv_pool(), decode.kv_pool_elements()));
  RETURN_IF_ERROR(fill_pool(gpu, decode));
  for (std::uint32_t step = 0; step < kSteps; ++step) {
    ASSIGN_OR_RETURN(const auto logits, forward(gpu, decode, rows));
    std::vector<std::uint32_t> want;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = std::span(logits).subspan(i * size(vocab), size(vocab));
      want.push_back(static_cast<std::uint32_t>(std::ranges::max_element(row) - row.begin()));
      rows[i].token_id = want.back();
      ++rows[i].position;
    }
    ASSIGN_OR_RETURN(const auto got, decode.tokens_of(step, kRows, gpu.stream));
    report.same(format("{}, tokens of step {} in a graph", name, step), want, got);
  }
  ASSIGN_OR_RETURN(const auto pool_after,
                   gpu.download(decode.kv_pool(), decode.kv_pool_elements()));
  report.same(name + ", KV of steps in graphs", pool_after, pool);
  return {};
}

// `num_checked`: rows that are computed on the CPU too.
Status check_model(Gpu& gpu, Report& report, const std::string& name, const DenseShape& shape,
                   int num_checked) {
  const HostModel model = random_model(shape, 100);
  ASSIGN_OR_RETURN(auto weights, load(gpu, model));
  ASSIGN_OR_RETURN(auto decode, DenseDecode::create(
                                    std::move(weights),
                                    {.max_rows = kMaxRows,
                                     .max_blocks_per_row = kMaxBlocks,
                                     .num_kv_blocks = kNumKvBlocks,
                                     .num_positions = kMaxBlocks * kernels::cuda::kKvBlockTokens},
                                    {.inverse_frequencies = model.inverse_frequencies},
                                    static_cast<float>(model.epsilon), gpu.info, gpu.stream));
  RETURN_IF_ERROR(fill_pool(gpu, decode));
  ASSIGN_OR_RETURN(const auto pool, gpu.download(decode.kv_pool(), decode.kv_pool_elements()));
  const auto tables = block_tables();
  const auto batch = make_batch(tables, kMaxRows, shape.vocab_size);
  ASSIGN_OR_RETURN(const auto all, forward(gpu, decode, batch));
  for (int i = 0; i < num_checked; ++i) {
    const DecodeRow& row = batch[size(i)];
    const auto want = decode_on_host(
        model, {.token_id = row.token_id, .position = row.position, .blocks = row.blocks}, pool);
    report.compare_all(format("{}, logits at position {}", name, row.position), want,
                       std::span<const float>(all).subspan(size(i) * want.size(), want.size()),
                       kLogitsLimit);
  }
  for (const int num_rows : {1, 2, 7, 8, 9, 16, 17, 33}) {
    RETURN_IF_ERROR(fill_pool(gpu, decode));
    ASSIGN_OR_RETURN(const auto got,
                     forward(gpu, decode, make_batch(tables, num_rows, shape.vocab_size)));
    report.same(format("{} M={}, bits of M={}", name, num_rows, kMaxRows),
                std::span<const float>(all).first(got.size()), std::span<const float>(got));
  }
  return check_steps(gpu, report, name, decode);
}

}  // namespace

Status run_decode_cases(Gpu& gpu, Report& report) {
  RETURN_IF_ERROR(check_model(gpu, report, "decode Llama head_dim 64",
                              {.num_layers = 3,
                               .dim = 256,
                               .inner = 576,
                               .num_q_heads = 8,
                               .num_kv_heads = 2,
                               .head_dim = 64,
                               .vocab_size = 1008},
                              16));
  RETURN_IF_ERROR(check_model(gpu, report, "decode Qwen3 tied",
                              {.num_layers = 3,
                               .dim = 1024,
                               .inner = 3072,
                               .num_q_heads = 16,
                               .num_kv_heads = 8,
                               .head_dim = 128,
                               .vocab_size = 4800,
                               .has_qk_norm = true,
                               .ties_embeddings = true},
                              4));
  return check_model(gpu, report, "decode of the 8B shape, one layer",
                     {.num_layers = 1,
                      .dim = 4096,
                      .inner = 14336,
                      .num_q_heads = 32,
                      .num_kv_heads = 8,
                      .head_dim = 128,
                      .vocab_size = 2064},
                     1);
}

}  // namespace penstock::gpu_test
