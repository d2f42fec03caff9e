#include "model/llama_cpu.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/format.h"
#include "device/cpu/thread_team.h"
#include "kernels/cpu/rope.h"
#include "kernels/ref/dequantize.h"

namespace penstock::model {
namespace {

constexpr std::size_t kPhasesPerLayer = 9;
constexpr std::size_t kOtherPhases = 3;  // embedding, final norm, head
constexpr std::uint32_t kSwigluSlice = 512;

std::string describe_kv_layout(const kernels::KvShape& shape) {
  const bool is_f32 = shape.type == kernels::KvType::kF32;
  return format("cpu-{}/block{}/layers{}/kv_heads{}/head_dim{}/{}", is_f32 ? "f32" : "bf16",
                shape.block_size, shape.num_layers, shape.num_kv_heads, shape.head_dim,
                is_f32 ? "k[t16][d][16]v[t][d16]" : "k[t16][d2][16][2]v[t2][d16][2]");
}

std::string describe_numerics(const ForwardOptions& options, const kernels::CpuKernels& kernels) {
  return format("cpu.1/{}/kv-{}/{}", options.compute == ComputeType::kF32 ? "f32" : "bf16",
                options.kv_dtype == KvDType::kF32 ? "f32" : "bf16",
                kernels::arithmetic_family(kernels));
}

}  // namespace

// Phases in order; each takes the next number of the work queue and ends when its items are done.
class LlamaCpu::Member {
 public:
  explicit Member(LlamaCpu& pass)
      : pass_(pass),
        scratch_(pass.scratch_),
        kernels_(pass.kernels_),
        num_rows_(static_cast<std::uint32_t>(pass.batch_->token_ids.size())) {}

  void run() {
    embed();
    for (std::uint32_t layer = 0; layer < pass_.config_.num_layers; ++layer) run_layer(layer);
    normalize_logit_rows();
    const Product head{&pass_.weights_.head, 0};
    multiply({&head, 1}, scratch_.normed, num_logit_rows(), scratch_.logits, false);
  }

 private:
  void run_layer(std::uint32_t number) {
    const PackedLayer& layer = pass_.weights_.layers[number];
    const std::size_t heads_dim = layer.q.num_outputs;
    const Product qkv[] = {
        {&layer.q, 0}, {&layer.k, heads_dim}, {&layer.v, heads_dim + layer.k.num_outputs}};
    const Product gate_up[] = {{&layer.gate, 0}, {&layer.up, layer.gate.num_outputs}};
    const Product o{&layer.o, 0};
    const Product down{&layer.down, 0};

    normalize(layer.attention_norm);
    multiply(qkv, scratch_.normed, num_rows_, scratch_.qkv, false);
    rotate_and_store(number);
    attend(number);
    multiply({&o, 1}, scratch_.attended, num_rows_, scratch_.hidden, true);
    normalize(layer.mlp_norm);
    multiply(gate_up, scratch_.normed, num_rows_, scratch_.gate_up, false);
    activate();
    multiply({&down, 1}, scratch_.activated, num_rows_, scratch_.hidden, true);
  }

  template <class Body>
  void phase(std::uint32_t num_items, std::uint32_t grain, const Body& body) {
    pass_.queue_.run(next_phase_++, num_items, grain, body);
  }
  template <class Body>
  void phase_of_rows(std::uint32_t num_rows, const Body& body) {
    phase(num_rows, 1, [&](std::uint32_t row, std::uint32_t) { body(row); });
  }

  [[nodiscard]] std::uint32_t num_logit_rows() const {
    return static_cast<std::uint32_t>(pass_.batch_->logit_rows.size());
  }

  void embed() {
    const std::uint32_t hidden = pass_.config_.hidden_size;
    const kernels::WeightType type = pass_.weights_.embedding_type;
    const std::size_t row_bytes = kernels::row_bytes(type, hidden);
    phase_of_rows(num_rows_, [&](std::uint32_t row) {
      const std::size_t token = pass_.batch_->token_ids[row];
      kernels::ref::dequantize(type, pass_.weights_.embedding.subspan(token * row_bytes, row_bytes),
                               {scratch_.hidden.row(row), hidden});
      kernels::rope_angles(position_of(row), pass_.rope_.inverse_frequencies, pass_.rope_.magnitude,
                           scratch_.cosines.row(row), scratch_.sines.row(row));
    });
  }

  [[nodiscard]] std::uint32_t position_of(std::uint32_t row) const {
    const ForwardSequence& sequence = *pass_.row_sequence_[row];
    return sequence.first_position + (row - sequence.first_row);
  }

  void normalize_row(const std::vector<float>& weight, const float* x, std::byte* out) {
    kernels_.rms_norm({.x = x,
                       .weight = weight.data(),
                       .size = pass_.config_.hidden_size,
                       .epsilon = pass_.config_.rms_norm_eps,
                       .out_type = scratch_.normed.type,
                       .out = out});
  }

  void normalize(const std::vector<float>& weight) {
    phase_of_rows(num_rows_, [&](std::uint32_t row) {
      normalize_row(weight, scratch_.hidden.row(row), scratch_.normed.row(row));
    });
  }

  void normalize_logit_rows() {
    phase_of_rows(num_logit_rows(), [&](std::uint32_t i) {
      normalize_row(pass_.weights_.final_norm, scratch_.hidden.row(pass_.batch_->logit_rows[i]),
                    scratch_.normed.row(i));
    });
  }

  // All panels of all `products` as one list, claimed in even runs: kernels work on two at a time.
  void multiply(std::span<const Product> products, ActivationRows& x, std::uint32_t num_rows,
                FloatRows& y, bool accumulate) {
    std::uint32_t num_panels = 0;
    for (const Product& product : products) num_panels += product.matrix->num_panels();
    const auto members = static_cast<std::uint32_t>(pass_.team_.num_members());
    const std::uint32_t grain = std::clamp(num_panels / (16 * members) * 2, 2U, 16U);
    const auto gemm =
        x.type == kernels::ActivationType::kF32 ? kernels_.gemm_f32 : kernels_.gemm_bf16;
    phase(num_rows == 0 ? 0 : num_panels, grain, [&](std::uint32_t first, std::uint32_t count) {
      std::uint32_t start = 0;  // of the product, in the list
      for (const Product& product : products) {
        const std::uint32_t end = start + product.matrix->num_panels();
        const std::uint32_t begin = std::max(first, start);
        if (begin < std::min(first + count, end)) {
          gemm({.weights = *product.matrix,
                .first_panel = begin - start,
                .num_panels = std::min(first + count, end) - begin,
                .x = x.row(0),
                .x_stride = x.stride,
                .num_rows = num_rows,
                .y = y.row(0) + product.column,
                .y_stride = y.stride,
                .accumulate = accumulate});
        }
        start = end;
      }
    });
  }

  [[nodiscard]] kernels::KvHeadView kv_view(const ForwardSequence& sequence, std::uint32_t layer,
                                            std::uint32_t kv_head) const {
    return {&pass_.kv_shape_, pass_.kv_pool_, sequence.block_table.data(), layer, kv_head};
  }

  void rotate_and_store(std::uint32_t layer) {
    const ModelConfig& config = pass_.config_;
    const auto pairs = config.rope.style == RopeStyle::kHalves ? kernels::RopePairs::kHalves
                                                               : kernels::RopePairs::kInterleaved;
    phase_of_rows(num_rows_, [&](std::uint32_t row) {
      float* query = scratch_.qkv.row(row);
      float* key = query + std::size_t{config.num_heads} * config.head_dim;
      const float* value = key + std::size_t{config.num_kv_heads} * config.head_dim;
      for (std::uint32_t head = 0; head < config.num_heads + config.num_kv_heads; ++head) {
        kernels::rotate_head(pairs, config.rope.dims / 2, scratch_.cosines.row(row),
                             scratch_.sines.row(row), query + std::size_t{head} * config.head_dim);
      }
      for (std::uint32_t head = 0; head < config.num_kv_heads; ++head) {
        const std::size_t offset = std::size_t{head} * config.head_dim;
        kernels::write_kv(kv_view(*pass_.row_sequence_[row], layer, head), position_of(row),
                          key + offset, value + offset);
      }
    });
  }

  void attend(std::uint32_t layer) {
    const auto num_items = static_cast<std::uint32_t>(pass_.attention_items_.size());
    phase(num_items, 1, [&](std::uint32_t item, std::uint32_t) {
      attend_item(layer, pass_.attention_items_[item]);
    });
  }

  void attend_item(std::uint32_t layer, const AttentionItem& item) {
    const ModelConfig& config = pass_.config_;
    const std::uint32_t group = config.num_heads / config.num_kv_heads;
    kernels::AttentionQuery queries[kernels::kMaxQueries];
    for (std::uint32_t i = 0; i < item.num_queries; ++i) {
      const std::uint32_t row_in_sequence = (item.first_query + i) / group;
      const std::uint32_t row = item.sequence->first_row + row_in_sequence;
      const std::size_t head = item.kv_head * group + (item.first_query + i) % group;
      const std::size_t offset = head * config.head_dim;
      queries[i] = {
          scratch_.qkv.row(row) + offset,
          scratch_.attended.row(row) + offset * kernels::value_bytes(scratch_.attended.type),
          item.sequence->first_position + row_in_sequence + 1};
    }
    const auto attend =
        pass_.kv_shape_.type == kernels::KvType::kF32 ? kernels_.attend_f32 : kernels_.attend_bf16;
    attend({.queries = {queries, item.num_queries},
            .kv = kv_view(*item.sequence, layer, item.kv_head),
            .scale = 1.0F / std::sqrt(static_cast<float>(config.head_dim)),
            .out_type = scratch_.attended.type});
  }

  void activate() {
    const std::uint32_t size = pass_.config_.intermediate_size;
    const std::uint32_t slices = (size + kSwigluSlice - 1) / kSwigluSlice;
    const std::size_t value_bytes = kernels::value_bytes(scratch_.activated.type);
    phase(num_rows_ * slices, 1, [&](std::uint32_t item, std::uint32_t) {
      const std::uint32_t row = item / slices;
      const std::uint32_t first = item % slices * kSwigluSlice;
      const float* gate = scratch_.gate_up.row(row) + first;
      kernels_.swiglu({.gate = gate,
                       .up = gate + size,
                       .size = std::min(kSwigluSlice, size - first),
                       .out_type = scratch_.activated.type,
                       .out = scratch_.activated.row(row) + first * value_bytes});
    });
  }

  LlamaCpu& pass_;
  ForwardScratch& scratch_;
  const kernels::CpuKernels& kernels_;
  const std::uint32_t num_rows_;
  std::size_t next_phase_ = 0;
};

LlamaCpu::LlamaCpu(Parts parts)
    : config_(std::move(parts.config)),
      options_(parts.options),
      weights_(std::move(parts.weights)),
      scratch_(std::move(parts.scratch)),
      kernels_(*parts.kernels),
      team_(*parts.team),
      rope_(make_rope_table(config_.rope)),
      kv_shape_{options_.kv_dtype == KvDType::kF32 ? kernels::KvType::kF32 : kernels::KvType::kBF16,
                config_.num_layers, config_.num_kv_heads, config_.head_dim, options_.block_size},
      kv_layout_(describe_kv_layout(kv_shape_)),
      numerics_(describe_numerics(options_, kernels_)),
      queue_(kPhasesPerLayer * config_.num_layers + kOtherPhases, team_.num_members()) {
  row_sequence_.reserve(options_.max_batch_rows);
  const std::size_t group = config_.num_heads / config_.num_kv_heads;
  const std::size_t blocks_per_row = (group + kernels::kMaxQueries - 1) / kernels::kMaxQueries;
  attention_items_.reserve(options_.max_batch_rows * config_.num_kv_heads * blocks_per_row);
}

std::size_t LlamaCpu::kv_block_bytes() const noexcept {
  return kv_shape_.block_bytes();
}

void LlamaCpu::check(const ForwardBatch& batch, std::span<std::byte> kv_pool) const {
  const std::size_t num_rows = batch.token_ids.size();
  CHECK(num_rows >= 1 && num_rows <= options_.max_batch_rows, "{} rows, at most {}", num_rows,
        options_.max_batch_rows);
  CHECK(batch.logit_rows.size() <= options_.max_logit_rows, "{} logit rows, at most {}",
        batch.logit_rows.size(), options_.max_logit_rows);
  CHECK(std::ranges::all_of(batch.logit_rows, [&](auto row) { return row < num_rows; }));
  CHECK(std::ranges::adjacent_find(batch.logit_rows, std::ranges::greater_equal{}) ==
            batch.logit_rows.end(),
        "logit rows ascend");
  CHECK(std::ranges::all_of(batch.token_ids, [&](auto id) { return id < config_.vocab_size; }));
  CHECK(reinterpret_cast<std::uintptr_t>(kv_pool.data()) % 64 == 0, "the KV pool is unaligned");
  const std::size_t num_blocks = kv_pool.size() / kv_block_bytes();
  std::size_t next_row = 0;
  for (const ForwardSequence& sequence : batch.sequences) {
    CHECK(sequence.num_rows >= 1 && sequence.first_row == next_row, "row {} of a sequence is {}",
          next_row, sequence.first_row);
    next_row += sequence.num_rows;
    const std::size_t end = std::size_t{sequence.first_position} + sequence.num_rows;
    CHECK(end <= sequence.block_table.size() * options_.block_size, "{} positions in {} blocks",
          end, sequence.block_table.size());
    CHECK(std::ranges::all_of(sequence.block_table, [&](auto b) { return b < num_blocks; }));
  }
  CHECK(next_row == num_rows, "{} rows belong to sequences, of {}", next_row, num_rows);
}

void LlamaCpu::plan(const ForwardBatch& batch, std::span<std::byte> kv_pool) {
  batch_ = &batch;
  kv_pool_ = kv_pool.data();
  row_sequence_.clear();
  attention_items_.clear();
  const std::uint32_t group = config_.num_heads / config_.num_kv_heads;
  for (const ForwardSequence& sequence : batch.sequences) {
    row_sequence_.insert(row_sequence_.end(), sequence.num_rows, &sequence);
    const std::uint32_t num_queries = sequence.num_rows * group;
    for (std::uint32_t kv_head = 0; kv_head < config_.num_kv_heads; ++kv_head) {
      for (std::uint32_t first = 0; first < num_queries; first += kernels::kMaxQueries) {
        attention_items_.push_back(
            {&sequence, kv_head, first, std::min(kernels::kMaxQueries, num_queries - first)});
      }
    }
  }
  queue_.reset();
}

std::span<const float> LlamaCpu::forward(const ForwardBatch& batch, std::span<std::byte> kv_pool) {
  check(batch, kv_pool);
  plan(batch, kv_pool);
  team_.run([this](int, int) { Member(*this).run(); });
  return {scratch_.logits.memory.as<float>(), batch.logit_rows.size() * config_.vocab_size};
}

}  // namespace penstock::model
