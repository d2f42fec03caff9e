// Paged decode attention: right for every group size and context length, blind to bytes past the
// context, and the same bits alone, in a batch, in other blocks and under a wider block table.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/format.h"
#include "kernels/cuda/paged_attention.h"
#include "kernels/ref/ops.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using kernels::cuda::kKvBlockTokens;
using kernels::cuda::KvShape;
using kernels::cuda::PagedAttentionArgs;

struct Heads {
  int num_q_heads;
  KvShape kv;
};

constexpr int kLayer = 1;

// f32 scores and exp2 of two units in the last place, under one rounding to bf16.
constexpr double kLimit = 0x1p-7;

// Rows with their own contexts; keys and values as the reference wants them, one per kv head.
struct Batch {
  Heads heads;
  std::vector<std::int32_t> context_lens;
  std::vector<std::uint16_t> q;                  // [num_rows, num_q_heads, head_dim]
  std::vector<std::vector<std::uint16_t>> keys;  // [row] [kv_head, position, head_dim]
  std::vector<std::vector<std::uint16_t>> values;
};

Batch make_batch(Heads heads, std::vector<std::int32_t> context_lens) {
  Batch batch{
      .heads = heads, .context_lens = std::move(context_lens), .q = {}, .keys = {}, .values = {}};
  const std::size_t dim = static_cast<std::size_t>(heads.kv.head_dim);
  batch.q = random_bf16(batch.context_lens.size() * heads.num_q_heads * dim, 61, 2.0F);
  for (std::size_t row = 0; row < batch.context_lens.size(); ++row) {
    const std::size_t count = heads.kv.num_kv_heads * batch.context_lens[row] * dim;
    batch.keys.push_back(random_bf16(count, 1000 + row, 2.0F));
    batch.values.push_back(random_bf16(count, 2000 + row, 1.0F));
  }
  return batch;
}

std::vector<double> reference(const Batch& batch) {
  const std::size_t dim = static_cast<std::size_t>(batch.heads.kv.head_dim);
  const std::size_t q_heads = batch.heads.num_q_heads;
  const std::size_t group = q_heads / batch.heads.kv.num_kv_heads;
  const auto q = to_floats(batch.q);
  std::vector<double> out;
  for (std::size_t row = 0; row < batch.context_lens.size(); ++row) {
    const auto keys = to_floats(batch.keys[row]);
    const auto values = to_floats(batch.values[row]);
    const std::size_t head_size = batch.context_lens[row] * dim;
    for (std::size_t head = 0; head < q_heads; ++head) {
      if (head_size == 0) {
        out.insert(out.end(), dim, 0.0);
        continue;
      }
      const auto one =
          kernels::ref::attention(std::span(q).subspan(((row * q_heads) + head) * dim, dim),
                                  std::span(keys).subspan(head / group * head_size, head_size),
                                  std::span(values).subspan(head / group * head_size, head_size),
                                  1.0 / std::sqrt(static_cast<double>(dim)));
      out.insert(out.end(), one.begin(), one.end());
    }
  }
  return out;
}

// A pool whose every byte outside the contexts is NaN, the rows' blocks strewn over it.
struct Paged {
  std::vector<std::uint16_t> pool;
  std::vector<std::uint32_t> tables;  // [num_rows, max_blocks]; unused entries point far outside
};

// `stride` is prime to the number of blocks: block i of the batch lives at i * stride.
Paged make_paged(const Batch& batch, int max_blocks, std::size_t stride) {
  const KvShape& kv = batch.heads.kv;
  const std::size_t dim = static_cast<std::size_t>(kv.head_dim);
  const std::size_t tile = kKvBlockTokens * dim;
  const std::size_t block_size = tile * kv.num_layers * 2 * kv.num_kv_heads;
  std::size_t num_used = 0;
  for (const std::int32_t length : batch.context_lens) {
    num_used += static_cast<std::size_t>(length + kKvBlockTokens - 1) / kKvBlockTokens;
  }
  std::size_t num_blocks = num_used + 1;
  while (std::gcd(num_blocks, stride) != 1) ++num_blocks;

  Paged paged;
  paged.pool.assign(num_blocks * block_size, 0xFFFF);
  paged.tables.assign(batch.context_lens.size() * max_blocks, 0x7FFFFFFFU);
  std::size_t next = 0;
  for (std::size_t row = 0; row < batch.context_lens.size(); ++row) {
    const std::size_t length = batch.context_lens[row];
    for (std::size_t position = 0; position < length; ++position) {
      const std::size_t index = position / kKvBlockTokens;
      std::uint32_t& entry = paged.tables[(row * max_blocks) + index];
      if (position % kKvBlockTokens == 0) {
        entry = static_cast<std::uint32_t>(next++ * stride % num_blocks);
      }
      for (int head = 0; head < kv.num_kv_heads; ++head) {
        const std::size_t from = ((head * length) + position) * dim;
        const std::size_t key_tile = (kLayer * 2 * kv.num_kv_heads) + head;
        const std::size_t to =
            (entry * block_size) + (key_tile * tile) + (position % kKvBlockTokens * dim);
        std::copy_n(batch.keys[row].begin() + from, dim, paged.pool.begin() + to);
        std::copy_n(batch.values[row].begin() + from, dim,
                    paged.pool.begin() + to + (kv.num_kv_heads * tile));
      }
    }
  }
  return paged;
}

Result<std::vector<std::uint16_t>> attend(Gpu& gpu, const Batch& batch, int max_blocks,
                                          std::size_t stride) {
  gpu.arena.reset();
  const Paged paged = make_paged(batch, max_blocks, stride);
  PagedAttentionArgs args{.q = nullptr,
                          .kv_pool = nullptr,
                          .block_tables = nullptr,
                          .context_lens = nullptr,
                          .workspace = nullptr,
                          .out = nullptr,
                          .kv = batch.heads.kv,
                          .layer = kLayer,
                          .num_rows = static_cast<int>(batch.context_lens.size()),
                          .num_q_heads = batch.heads.num_q_heads,
                          .max_blocks = max_blocks,
                          .scale = 1.0F / std::sqrt(static_cast<float>(batch.heads.kv.head_dim))};
  ASSIGN_OR_RETURN(args.q, gpu.upload(batch.q));
  ASSIGN_OR_RETURN(args.kv_pool, gpu.upload(paged.pool));
  ASSIGN_OR_RETURN(args.block_tables, gpu.upload(paged.tables));
  ASSIGN_OR_RETURN(args.context_lens, gpu.upload(batch.context_lens));
  ASSIGN_OR_RETURN(args.workspace,
                   gpu.poisoned<float>(kernels::cuda::paged_attention_workspace_floats(args)));
  ASSIGN_OR_RETURN(args.out, gpu.poisoned<std::uint16_t>(batch.q.size()));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_paged_attention(args, gpu.stream.get()),
                             "launch_paged_attention"));
  return gpu.download(args.out, batch.q.size());
}

int blocks_for(const Batch& batch) {
  return (std::ranges::max(batch.context_lens) + kKvBlockTokens - 1) / kKvBlockTokens;
}

Batch row_alone(const Batch& batch, std::size_t row) {
  const std::size_t size = batch.q.size() / batch.context_lens.size();
  Batch alone = batch;
  alone.context_lens = {batch.context_lens[row]};
  alone.q.assign(batch.q.begin() + row * size, batch.q.begin() + (row + 1) * size);
  alone.keys = {batch.keys[row]};
  alone.values = {batch.values[row]};
  return alone;
}

Status check_heads(Gpu& gpu, Report& report, Heads heads) {
  const Batch batch = make_batch(heads, {1, 31, 32, 33, 255, 256, 257, 700, 0, 1024});
  const std::string name = format("attention q_heads={} kv_heads={} head_dim={}", heads.num_q_heads,
                                  heads.kv.num_kv_heads, heads.kv.head_dim);
  ASSIGN_OR_RETURN(const auto got, attend(gpu, batch, blocks_for(batch), 7));
  report.compare(name, reference(batch), std::span<const std::uint16_t>(got), kLimit);

  ASSIGN_OR_RETURN(const auto wider, attend(gpu, batch, blocks_for(batch) + 21, 11));
  report.same(name + ", other blocks, wider table", got, wider);
  const std::size_t row_size = got.size() / batch.context_lens.size();
  for (const std::size_t row : {3U, 7U}) {
    const Batch alone = row_alone(batch, row);
    ASSIGN_OR_RETURN(const auto out, attend(gpu, alone, blocks_for(alone), 3));
    report.same(format("{}, context {} alone", name, batch.context_lens[row]),
                std::span(got).subspan(row * row_size, row_size), std::span(out));
  }
  return {};
}

}  // namespace

Status run_attention_cases(Gpu& gpu, Report& report) {
  for (const int head_dim : {64, 128}) {
    for (const int group : {1, 2, 4, 8}) {
      const KvShape kv{.num_layers = 3, .num_kv_heads = 2, .head_dim = head_dim};
      RETURN_IF_ERROR(check_heads(gpu, report, {.num_q_heads = 2 * group, .kv = kv}));
    }
  }
  const Heads llama_8b{.num_q_heads = 32,
                       .kv = {.num_layers = 2, .num_kv_heads = 8, .head_dim = 128}};
  const Batch batch = make_batch(llama_8b, {8192, 5000});
  ASSIGN_OR_RETURN(const auto got, attend(gpu, batch, 256, 37));
  report.compare("attention of the 8B shape, contexts 8192 and 5000", reference(batch),
                 std::span<const std::uint16_t>(got), kLimit);
  PagedAttentionArgs wrong{};
  wrong.kv = {.num_layers = 1, .num_kv_heads = 2, .head_dim = 96};
  wrong.num_rows = 1;
  wrong.num_q_heads = 2;
  wrong.max_blocks = 1;
  report.refused("attention refuses head_dim 96",
                 kernels::cuda::launch_paged_attention(wrong, gpu.stream.get()));
  wrong.kv.head_dim = 64;
  wrong.num_q_heads = 6;
  report.refused("attention refuses 3 query heads per KV head",
                 kernels::cuda::launch_paged_attention(wrong, gpu.stream.get()));
  return {};
}

}  // namespace penstock::gpu_test
