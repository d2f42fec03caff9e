// The one launch between the QKV product and the output product against the two that it stands for
// (rope.h, paged_attention.h), each of which has its own reference: output and KV bit for bit.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/paged_attention.h"
#include "kernels/cuda/random_values.h"
#include "kernels/cuda/rope.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using kernels::cuda::DecodeAttentionArgs;
using kernels::cuda::KvShape;

struct Heads {
  int num_q_heads;
  KvShape kv;
  bool has_norm;
};

constexpr int kMaxBlocks = 36;  // 1,152 tokens a row, five segments
constexpr int kNumPositions = kMaxBlocks * kernels::cuda::kKvBlockTokens;
constexpr int kLayer = 1;
constexpr float kEpsilon = 1e-5F;

// Around the borders of tiles and segments, then strewn; -1 is an idle row.
std::int32_t position_of(int row) {
  constexpr std::int32_t kBorders[] = {0,   255, 1023, 31, 32,  700, 256, 1,
                                       511, 512, -1,   30, 257, 900, 63,  1149};
  return row < 16 ? kBorders[row] : row * 389 % kNumPositions;
}

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

// Device buffers of a batch, and the same launch arguments for whoever computes it.
struct Batch {
  DecodeAttentionArgs args;
  std::size_t out_elements;
  std::size_t pool_elements;
};

Result<std::uint16_t*> random_values(Gpu& gpu, std::size_t count, std::uint64_t seed) {
  ASSIGN_OR_RETURN(std::uint16_t* at, gpu.arena.take<std::uint16_t>(count));
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::launch_random_values(
                     {.to = at, .count = count, .seed = seed, .offset = 0.0F, .scale = 1.5F},
                     gpu.stream.get()),
                 "launch_random_values"));
  return at;
}

Result<const float*> rope_table(Gpu& gpu, int head_dim) {
  std::vector<float> frequencies(size(head_dim) / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    frequencies[i] =
        static_cast<float>(std::pow(500'000.0, -2.0 * static_cast<double>(i) / head_dim));
  }
  ASSIGN_OR_RETURN(const float* on_device, gpu.upload(frequencies));
  ASSIGN_OR_RETURN(float* table, gpu.arena.take<float>(size(kNumPositions) * size(head_dim)));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_rope_table({.inverse_frequencies = on_device,
                                                               .magnitude = 1.0F,
                                                               .table = table,
                                                               .num_positions = kNumPositions,
                                                               .head_dim = head_dim},
                                                              gpu.stream.get()),
                             "launch_rope_table"));
  return table;
}

Result<Batch> make_batch(Gpu& gpu, const Heads& heads, int num_rows) {
  gpu.arena.reset();
  const KvShape& kv = heads.kv;
  const std::size_t head_dim = size(kv.head_dim);
  const std::size_t num_blocks = size(num_rows) * kMaxBlocks;
  Batch batch{.args = {},
              .out_elements = size(num_rows) * size(heads.num_q_heads) * head_dim,
              .pool_elements = num_blocks * kernels::cuda::kv_block_size(kv)};
  DecodeAttentionArgs& args = batch.args;
  args.kv = kv;
  args.layer = kLayer;
  args.num_rows = num_rows;
  args.num_q_heads = heads.num_q_heads;
  args.max_blocks = kMaxBlocks;
  args.num_positions = kNumPositions;
  args.epsilon = kEpsilon;
  args.num_multiprocessors = gpu.info.num_multiprocessors;
  std::vector<std::int32_t> positions;
  for (int row = 0; row < num_rows; ++row) positions.push_back(position_of(row));
  std::vector<std::uint32_t> tables(num_blocks);
  for (std::size_t i = 0; i < num_blocks; ++i) {
    tables[i] = static_cast<std::uint32_t>(i * 5 % num_blocks);
  }
  ASSIGN_OR_RETURN(
      args.qkv,
      random_values(
          gpu, size(num_rows) * size(heads.num_q_heads + (2 * kv.num_kv_heads)) * head_dim, 3));
  if (heads.has_norm) {
    ASSIGN_OR_RETURN(args.q_norm, random_values(gpu, head_dim, 4));
    ASSIGN_OR_RETURN(args.k_norm, random_values(gpu, head_dim, 5));
  }
  ASSIGN_OR_RETURN(args.rope_table, rope_table(gpu, kv.head_dim));
  ASSIGN_OR_RETURN(args.positions, gpu.upload(positions));
  ASSIGN_OR_RETURN(args.block_tables, gpu.upload(tables));
  ASSIGN_OR_RETURN(args.kv_pool, random_values(gpu, batch.pool_elements, 6));
  ASSIGN_OR_RETURN(args.partials,
                   gpu.poisoned<float>(kernels::cuda::decode_attention_partial_floats(
                       kv, num_rows, heads.num_q_heads, kMaxBlocks)));
  const std::vector<std::uint32_t> zeros(size(num_rows) * size(kv.num_kv_heads));
  ASSIGN_OR_RETURN(args.finished, gpu.upload(zeros));
  ASSIGN_OR_RETURN(args.out, gpu.arena.take<std::uint16_t>(batch.out_elements));
  return batch;
}

// Poisons the output and makes the pool what it was.
Status start_over(Gpu& gpu, const Batch& batch) {
  RETURN_IF_ERROR(
      check_cuda(cudaMemsetAsync(batch.args.out, 0, batch.out_elements * 2, gpu.stream.get()),
                 "cudaMemsetAsync"));
  return check_cuda(kernels::cuda::launch_random_values({.to = batch.args.kv_pool,
                                                         .count = batch.pool_elements,
                                                         .seed = 6,
                                                         .offset = 0.0F,
                                                         .scale = 1.5F},
                                                        gpu.stream.get()),
                    "launch_random_values");
}

struct Outcome {
  std::vector<std::uint16_t> out;
  std::vector<std::uint16_t> pool;
};

Result<Outcome> outcome(Gpu& gpu, const Batch& batch) {
  Outcome result;
  ASSIGN_OR_RETURN(result.out, gpu.download(batch.args.out, batch.out_elements));
  ASSIGN_OR_RETURN(result.pool, gpu.download(batch.args.kv_pool, batch.pool_elements));
  return result;
}

Result<Outcome> two_launches(Gpu& gpu, const Batch& batch) {
  const DecodeAttentionArgs& args = batch.args;
  RETURN_IF_ERROR(start_over(gpu, batch));
  ASSIGN_OR_RETURN(std::uint16_t* q, gpu.arena.take<std::uint16_t>(batch.out_elements));
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::launch_rope_kv_write({.qkv = args.qkv,
                                                      .q_norm = args.q_norm,
                                                      .k_norm = args.k_norm,
                                                      .table = args.rope_table,
                                                      .positions = args.positions,
                                                      .sequences = nullptr,
                                                      .block_tables = args.block_tables,
                                                      .q_out = q,
                                                      .kv_pool = args.kv_pool,
                                                      .kv = args.kv,
                                                      .layer = args.layer,
                                                      .num_rows = args.num_rows,
                                                      .num_q_heads = args.num_q_heads,
                                                      .max_blocks = args.max_blocks,
                                                      .num_positions = args.num_positions,
                                                      .epsilon = args.epsilon},
                                                     gpu.stream.get()),
                 "launch_rope_kv_write"));
  std::vector<std::int32_t> lengths;
  for (int row = 0; row < args.num_rows; ++row) lengths.push_back(position_of(row) + 1);
  kernels::cuda::PagedAttentionArgs attention{
      .q = q,
      .kv_pool = args.kv_pool,
      .block_tables = args.block_tables,
      .context_lens = nullptr,
      .workspace = nullptr,
      .out = args.out,
      .kv = args.kv,
      .layer = args.layer,
      .num_rows = args.num_rows,
      .num_q_heads = args.num_q_heads,
      .max_blocks = args.max_blocks,
      .scale = 1.0F / std::sqrt(static_cast<float>(args.kv.head_dim))};
  ASSIGN_OR_RETURN(attention.context_lens, gpu.upload(lengths));
  ASSIGN_OR_RETURN(attention.workspace,
                   gpu.poisoned<float>(kernels::cuda::paged_attention_workspace_floats(attention)));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_paged_attention(attention, gpu.stream.get()),
                             "launch_paged_attention"));
  return outcome(gpu, batch);
}

Status check_batch(Gpu& gpu, Report& report, const Heads& heads, int num_rows) {
  ASSIGN_OR_RETURN(Batch batch, make_batch(gpu, heads, num_rows));
  const std::string name =
      format("decode attention q_heads={} kv_heads={} head_dim={}{} rows={}", heads.num_q_heads,
             heads.kv.num_kv_heads, heads.kv.head_dim, heads.has_norm ? " QK norm" : "", num_rows);
  ASSIGN_OR_RETURN(const Outcome want, two_launches(gpu, batch));
  for (const int num_blocks : {gpu.info.num_multiprocessors, 3}) {
    batch.args.num_multiprocessors = num_blocks;
    RETURN_IF_ERROR(start_over(gpu, batch));
    RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_decode_attention(batch.args, gpu.stream.get()),
                               "launch_decode_attention"));
    ASSIGN_OR_RETURN(const Outcome got, outcome(gpu, batch));
    const std::string label = format("{}, grid of {}", name, num_blocks);
    report.same(label, want.out, got.out);
    report.same(label + ", KV", want.pool, got.pool);
  }
  return {};
}

}  // namespace

Status run_decode_attention_cases(Gpu& gpu, Report& report) {
  for (const int head_dim : {64, 128}) {
    for (const int group : {1, 2, 4, 8}) {
      const KvShape kv{.num_layers = 2, .num_kv_heads = 2, .head_dim = head_dim};
      const Heads heads{.num_q_heads = 2 * group, .kv = kv, .has_norm = group == 2};
      RETURN_IF_ERROR(check_batch(gpu, report, heads, 16));
    }
  }
  const Heads small{.num_q_heads = 4,
                    .kv = {.num_layers = 2, .num_kv_heads = 1, .head_dim = 64},
                    .has_norm = true};
  RETURN_IF_ERROR(check_batch(gpu, report, small, 1));
  RETURN_IF_ERROR(check_batch(gpu, report, small, kernels::cuda::kDecodeMaxRows));
  DecodeAttentionArgs wrong{};
  wrong.kv = {.num_layers = 1, .num_kv_heads = 2, .head_dim = 64};
  wrong.num_rows = 1;
  wrong.num_q_heads = 6;
  wrong.max_blocks = 1;
  wrong.num_positions = 1;
  wrong.num_multiprocessors = 1;
  report.refused("decode attention refuses 3 query heads per KV head",
                 kernels::cuda::launch_decode_attention(wrong, gpu.stream.get()));
  wrong.num_q_heads = 2;
  wrong.num_rows = kernels::cuda::kDecodeMaxRows + 1;
  report.refused("decode attention refuses 257 rows",
                 kernels::cuda::launch_decode_attention(wrong, gpu.stream.get()));
  return {};
}

}  // namespace penstock::gpu_test
