// QK norm, RoPE and the KV write: right for Llama and Qwen3 heads, every token in its place of the
// pool and nowhere else, the same bits alone and among other rows.
#include <algorithm>
#include <cmath>

#include "base/format.h"
#include "kernels/cuda/rope.h"
#include "kernels/ref/ops.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using kernels::cuda::kKvBlockTokens;
using kernels::cuda::KvShape;
using kernels::cuda::RopeKvWriteArgs;

constexpr int kLayer = 1;
constexpr int kMaxBlocks = 4;
constexpr int kNumPositions = kMaxBlocks * kKvBlockTokens;
constexpr int kNumSequences = 3;
constexpr int kPoolBlocks = 17;
constexpr float kEpsilon = 1e-6F;
// bf16, after a rotation whose two terms may cancel.
constexpr double kLimit = 0x1p-7;

struct Heads {
  int num_q_heads;
  KvShape kv;
  bool has_norm;

  [[nodiscard]] std::size_t dim() const { return static_cast<std::size_t>(kv.head_dim); }
  [[nodiscard]] std::size_t num_heads() const {
    return static_cast<std::size_t>(num_q_heads) + (2 * static_cast<std::size_t>(kv.num_kv_heads));
  }
};

// Tokens of several sequences: decode rows and pieces of prompts, and one row to be skipped.
struct Rows {
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> sequences;
  std::vector<std::uint16_t> qkv;
};

struct Written {
  std::vector<std::uint16_t> q;
  std::vector<std::uint16_t> pool;
};

std::vector<float> inverse_frequencies(std::size_t dim) {
  std::vector<float> values(dim / 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(
        std::pow(10'000.0, -2.0 * static_cast<double>(i) / static_cast<double>(dim)));
  }
  return values;
}

std::uint32_t block_of(std::int32_t sequence, std::int32_t position) {
  const auto index =
      static_cast<std::uint32_t>((sequence * kMaxBlocks) + (position / kKvBlockTokens));
  return index * 5 % kPoolBlocks;
}

std::vector<std::uint16_t> norm_weight(const Heads& heads, std::uint64_t seed) {
  return random_bf16(heads.dim(), seed, 2.0F);
}

Result<Written> write_rows(Gpu& gpu, const Heads& heads, const Rows& rows) {
  gpu.arena.reset();
  std::vector<std::uint32_t> tables;
  for (std::int32_t s = 0; s < kNumSequences; ++s) {
    for (std::int32_t b = 0; b < kMaxBlocks; ++b) {
      tables.push_back(block_of(s, b * kKvBlockTokens));
    }
  }
  const std::size_t q_count = rows.positions.size() * heads.num_q_heads * heads.dim();
  const std::size_t pool_count = kPoolBlocks * kernels::cuda::kv_block_size(heads.kv);
  ASSIGN_OR_RETURN(float* frequencies, gpu.upload(inverse_frequencies(heads.dim())));
  ASSIGN_OR_RETURN(float* table, gpu.poisoned<float>(kNumPositions * heads.dim()));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_rope_table({.inverse_frequencies = frequencies,
                                                               .magnitude = 1.0F,
                                                               .table = table,
                                                               .num_positions = kNumPositions,
                                                               .head_dim = heads.kv.head_dim},
                                                              gpu.stream.get()),
                             "launch_rope_table"));
  RopeKvWriteArgs args{};
  ASSIGN_OR_RETURN(args.qkv, gpu.upload(rows.qkv));
  if (heads.has_norm) {
    ASSIGN_OR_RETURN(args.q_norm, gpu.upload(norm_weight(heads, 71)));
    ASSIGN_OR_RETURN(args.k_norm, gpu.upload(norm_weight(heads, 72)));
  }
  args.table = table;
  ASSIGN_OR_RETURN(args.positions, gpu.upload(rows.positions));
  ASSIGN_OR_RETURN(args.sequences, gpu.upload(rows.sequences));
  ASSIGN_OR_RETURN(args.block_tables, gpu.upload(tables));
  ASSIGN_OR_RETURN(args.q_out, gpu.poisoned<std::uint16_t>(q_count));
  ASSIGN_OR_RETURN(args.kv_pool, gpu.poisoned<std::uint16_t>(pool_count));
  args.kv = heads.kv;
  args.layer = kLayer;
  args.num_rows = static_cast<int>(rows.positions.size());
  args.num_q_heads = heads.num_q_heads;
  args.max_blocks = kMaxBlocks;
  args.num_positions = kNumPositions;
  args.epsilon = kEpsilon;
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_rope_kv_write(args, gpu.stream.get()),
                             "launch_rope_kv_write"));
  Written written;
  ASSIGN_OR_RETURN(written.q, gpu.download(args.q_out, q_count));
  ASSIGN_OR_RETURN(written.pool, gpu.download(args.kv_pool, pool_count));
  return written;
}

std::vector<double> reference_head(const Heads& heads, std::span<const std::uint16_t> head,
                                   std::span<const std::uint16_t> weight, std::int32_t position) {
  std::vector<float> values = to_floats(head);
  if (heads.has_norm) {
    const auto normed = kernels::ref::rms_norm(values, to_floats(weight), kEpsilon);
    std::ranges::transform(normed, values.begin(), [](double v) { return static_cast<float>(v); });
  }
  return kernels::ref::rope(values, static_cast<std::uint32_t>(position),
                            inverse_frequencies(heads.dim()), false);
}

std::span<const std::uint16_t> head_of(const Heads& heads, const Rows& rows, std::size_t row,
                                       std::size_t head) {
  return std::span(rows.qkv).subspan(((row * heads.num_heads()) + head) * heads.dim(), heads.dim());
}

std::size_t key_offset(const Heads& heads, const Rows& rows, std::size_t row, int kv_head) {
  const std::int32_t position = rows.positions[row];
  return kernels::cuda::kv_key_offset(heads.kv, block_of(rows.sequences[row], position), kLayer,
                                      kv_head) +
         (static_cast<std::size_t>(position % kKvBlockTokens) * heads.dim());
}

void check_against_reference(Report& report, const std::string& name, const Heads& heads,
                             const Rows& rows, const Written& written) {
  const auto q_weight = norm_weight(heads, 71);
  const auto k_weight = norm_weight(heads, 72);
  std::vector<double> want;
  std::vector<std::uint16_t> got;
  std::vector<std::uint16_t> want_values;
  std::vector<std::uint16_t> got_values;
  const auto take = [&](std::vector<std::uint16_t>& to, const std::vector<std::uint16_t>& from,
                        std::size_t at) {
    to.insert(to.end(), from.begin() + at, from.begin() + at + heads.dim());
  };
  std::size_t num_written = 0;
  for (std::size_t row = 0; row < rows.positions.size(); ++row) {
    if (rows.positions[row] < 0) continue;
    for (int head = 0; head < heads.num_q_heads; ++head) {
      const auto one =
          reference_head(heads, head_of(heads, rows, row, head), q_weight, rows.positions[row]);
      want.insert(want.end(), one.begin(), one.end());
      take(got, written.q, ((row * heads.num_q_heads) + head) * heads.dim());
    }
    for (int kv_head = 0; kv_head < heads.kv.num_kv_heads; ++kv_head) {
      const std::size_t key = static_cast<std::size_t>(heads.num_q_heads) + kv_head;
      const auto one =
          reference_head(heads, head_of(heads, rows, row, key), k_weight, rows.positions[row]);
      want.insert(want.end(), one.begin(), one.end());
      const std::size_t at = key_offset(heads, rows, row, kv_head);
      take(got, written.pool, at);
      const auto value = head_of(heads, rows, row, key + heads.kv.num_kv_heads);
      want_values.insert(want_values.end(), value.begin(), value.end());
      take(got_values, written.pool, at + kernels::cuda::kv_value_distance(heads.kv));
      num_written += 2 * heads.dim();
    }
  }
  report.compare(name, want, std::span<const std::uint16_t>(got), kLimit);
  report.same(name + ", values copied", want_values, got_values);
  const auto untouched = static_cast<std::size_t>(std::ranges::count(written.pool, 0xFFFF));
  report.holds(name + ", nothing else written", untouched == written.pool.size() - num_written);
}

Status check_heads(Gpu& gpu, Report& report, const Heads& heads) {
  Rows rows{.positions = {0, 1, 31, 32, 33, 127, -1, 77, 5},
            .sequences = {0, 0, 0, 0, 0, 1, 1, 2, 2},
            .qkv = {}};
  rows.qkv = random_bf16(rows.positions.size() * heads.num_heads() * heads.dim(), 70, 3.0F);
  const std::string name =
      format("rope q_heads={} kv_heads={} head_dim={}{}", heads.num_q_heads, heads.kv.num_kv_heads,
             heads.kv.head_dim, heads.has_norm ? " with QK norm" : "");
  ASSIGN_OR_RETURN(const Written all, write_rows(gpu, heads, rows));
  check_against_reference(report, name, heads, rows, all);

  constexpr std::size_t kRow = 7;
  const std::size_t row_size = heads.num_heads() * heads.dim();
  const Rows alone{
      .positions = {rows.positions[kRow]},
      .sequences = {rows.sequences[kRow]},
      .qkv = {rows.qkv.begin() + kRow * row_size, rows.qkv.begin() + (kRow + 1) * row_size}};
  ASSIGN_OR_RETURN(const Written one, write_rows(gpu, heads, alone));
  const std::size_t q_size = static_cast<std::size_t>(heads.num_q_heads) * heads.dim();
  report.same(name + ", a row alone",
              std::span<const std::uint16_t>(all.q).subspan(kRow * q_size, q_size),
              std::span<const std::uint16_t>(one.q));
  const std::size_t key = key_offset(heads, rows, kRow, 0);
  report.same(name + ", its key alone",
              std::span<const std::uint16_t>(all.pool).subspan(key, heads.dim()),
              std::span<const std::uint16_t>(one.pool).subspan(key, heads.dim()));
  return {};
}

}  // namespace

Status run_rope_cases(Gpu& gpu, Report& report) {
  for (const int head_dim : {64, 128}) {
    const KvShape kv{.num_layers = 3, .num_kv_heads = 2, .head_dim = head_dim};
    for (const bool has_norm : {false, true}) {
      RETURN_IF_ERROR(check_heads(gpu, report, {.num_q_heads = 8, .kv = kv, .has_norm = has_norm}));
    }
  }
  RopeKvWriteArgs wrong{};
  wrong.kv = {.num_layers = 1, .num_kv_heads = 1, .head_dim = 96};
  wrong.num_rows = wrong.num_q_heads = wrong.max_blocks = wrong.num_positions = 1;
  report.refused("rope refuses head_dim 96",
                 kernels::cuda::launch_rope_kv_write(wrong, gpu.stream.get()));
  return {};
}

}  // namespace penstock::gpu_test
