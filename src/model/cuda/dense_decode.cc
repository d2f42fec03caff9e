#include "model/cuda/dense_decode.h"

#include <algorithm>

#include "device/cuda/cuda_error.h"
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/embed.h"
#include "kernels/cuda/rope.h"
#include "kernels/cuda/token_feedback.h"

namespace penstock::model::cuda {
namespace {

using device::cuda::check_cuda;
using device::cuda::DeviceArena;
using kernels::cuda::KvShape;
using kernels::cuda::ProductArgs;
using kernels::cuda::ProductKind;

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

KvShape kv_shape(const DenseShape& shape) {
  return {.num_layers = shape.num_layers,
          .num_kv_heads = shape.num_kv_heads,
          .head_dim = shape.head_dim};
}

template <class T>
Status upload(T* to, const std::vector<T>& values, const device::cuda::Stream& stream) {
  return device::cuda::copy_to_device(reinterpret_cast<std::byte*>(to),
                                      std::as_bytes(std::span<const T>(values)), stream);
}

}  // namespace

Result<DenseDecode> DenseDecode::create(DenseWeights weights, const DenseDecodeLimits& limits,
                                        const DenseRope& rope, float epsilon,
                                        const device::cuda::DeviceInfo& info,
                                        const device::cuda::Stream& stream) {
  if (limits.max_rows < 1 || limits.max_rows > kernels::cuda::kDecodeMaxRows ||
      limits.max_blocks_per_row < 1 || limits.num_kv_blocks < 1 || limits.num_positions < 1) {
    return make_error(ErrorCode::kInvalid,
                      "decode: {} rows (1 to {}), {} blocks a row, {} KV blocks, {} positions: all "
                      "must be positive",
                      limits.max_rows, kernels::cuda::kDecodeMaxRows, limits.max_blocks_per_row,
                      limits.num_kv_blocks, limits.num_positions);
  }
  RETURN_IF_ERROR(check_cuda(kernels::cuda::prepare_skinny_product(), "prepare_skinny_product"));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::prepare_wide_product(), "prepare_wide_product"));
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::prepare_decode_attention(), "prepare_decode_attention"));
  DenseDecode decode;
  decode.weights_ = std::move(weights);
  decode.limits_ = limits;
  decode.epsilon_ = epsilon;
  decode.num_multiprocessors_ = info.num_multiprocessors;
  RETURN_IF_ERROR(decode.take_buffers());
  RETURN_IF_ERROR(decode.make_rope_table(rope, stream));
  RETURN_IF_ERROR(decode.set_rows({}, stream));
  // Once outside a capture, all rows idle: loading a kernel's code is not something to record.
  RETURN_IF_ERROR(decode.record_forward(limits.max_rows, stream));
  RETURN_IF_ERROR(decode.record_forward(1, stream));
  RETURN_IF_ERROR(decode.record_choice(1, stream));
  RETURN_IF_ERROR(check_cuda(cudaMemsetAsync(decode.step_, 0, sizeof(*decode.step_), stream.get()),
                             "cudaMemsetAsync"));
  RETURN_IF_ERROR(stream.synchronize());
  for (int rows = 1;; rows = std::min(rows * 2, limits.max_rows)) {
    ASSIGN_OR_RETURN(auto graph, device::cuda::Graph::capture(stream, [&]() -> Status {
                       RETURN_IF_ERROR(decode.record_forward(rows, stream));
                       return decode.record_choice(rows, stream);
                     }));
    decode.buckets_.push_back({.num_rows = rows, .graph = std::move(graph)});
    if (rows == limits.max_rows) break;
  }
  return decode;
}

Status DenseDecode::take_buffers() {
  const DenseShape& shape = weights_.shape();
  const std::size_t rows = size(limits_.max_rows);
  const std::size_t partials = kernels::cuda::decode_attention_partial_floats(
      kv_shape(shape), limits_.max_rows, shape.num_q_heads, limits_.max_blocks_per_row);
  const std::size_t squares = rows * size(shape.dim / kernels::cuda::kSquaresWidth);
  const std::size_t finished = rows * size(shape.num_kv_heads);
  const std::size_t rope_floats = size(limits_.num_positions) * size(shape.head_dim);
  const std::size_t row_values =
      (2 * size(shape.dim)) + size(shape.qkv_dim()) + size(shape.q_dim()) + size(shape.inner);
  const std::size_t num_bytes =
      (kv_pool_elements() * 2) + ((partials + squares + rope_floats + finished) * 4) +
      (rows * row_values * 2) + (rows * size(limits_.max_blocks_per_row) * 4) +
      (rows * size(shape.vocab_size) * 4) + (rows * kernels::cuda::kArgmaxSplits * 8) +
      (((5 * rows) + 1) * 4) + (rows * kRingSteps * 4) + (24 * DeviceArena::kAlignment);
  ASSIGN_OR_RETURN(arena_, DeviceArena::create(num_bytes));
  ASSIGN_OR_RETURN(kv_pool_, arena_.take<std::uint16_t>(kv_pool_elements()));
  ASSIGN_OR_RETURN(rope_table_, arena_.take<float>(rope_floats));
  ASSIGN_OR_RETURN(residual_, arena_.take<std::uint16_t>(rows * size(shape.dim)));
  ASSIGN_OR_RETURN(weighted_, arena_.take<std::uint16_t>(rows * size(shape.dim)));
  ASSIGN_OR_RETURN(squares_, arena_.take<float>(squares));
  ASSIGN_OR_RETURN(qkv_, arena_.take<std::uint16_t>(rows * size(shape.qkv_dim())));
  ASSIGN_OR_RETURN(attended_, arena_.take<std::uint16_t>(rows * size(shape.q_dim())));
  ASSIGN_OR_RETURN(activated_, arena_.take<std::uint16_t>(rows * size(shape.inner)));
  ASSIGN_OR_RETURN(partials_, arena_.take<float>(partials));
  ASSIGN_OR_RETURN(finished_, arena_.take<std::uint32_t>(finished));
  ASSIGN_OR_RETURN(token_ids_, arena_.take<std::uint32_t>(rows));
  ASSIGN_OR_RETURN(positions_, arena_.take<std::int32_t>(rows));
  ASSIGN_OR_RETURN(block_tables_,
                   arena_.take<std::uint32_t>(rows * size(limits_.max_blocks_per_row)));
  ASSIGN_OR_RETURN(logits_, arena_.take<float>(rows * size(shape.vocab_size)));
  ASSIGN_OR_RETURN(argmax_keys_, arena_.take<std::uint64_t>(rows * kernels::cuda::kArgmaxSplits));
  ASSIGN_OR_RETURN(chosen_, arena_.take<std::uint32_t>(rows));
  ASSIGN_OR_RETURN(nan_flags_, arena_.take<std::uint32_t>(rows));
  ASSIGN_OR_RETURN(ring_, arena_.take<std::uint32_t>(rows * kRingSteps));
  ASSIGN_OR_RETURN(step_, arena_.take<std::uint32_t>(1));
  RETURN_IF_ERROR(
      check_cuda(cudaMemset(finished_, 0, finished * sizeof(std::uint32_t)), "cudaMemset"));
  // Idle rows read what nobody wrote; finite values keep them finite.
  return check_cuda(cudaMemset(attended_, 0, rows * size(shape.q_dim()) * 2), "cudaMemset");
}

Status DenseDecode::make_rope_table(const DenseRope& rope, const device::cuda::Stream& stream) {
  const int head_dim = weights_.shape().head_dim;
  if (rope.inverse_frequencies.size() != size(head_dim) / 2) {
    return make_error(ErrorCode::kUnsupported, "decode: RoPE turns {} pairs of a head of {}",
                      rope.inverse_frequencies.size(), head_dim);
  }
  ASSIGN_OR_RETURN(const auto frequencies,
                   device::cuda::DeviceBuffer::allocate(rope.inverse_frequencies.size_bytes()));
  RETURN_IF_ERROR(device::cuda::copy_to_device(frequencies.data(),
                                               std::as_bytes(rope.inverse_frequencies), stream));
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::launch_rope_table(
                     {.inverse_frequencies = reinterpret_cast<const float*>(frequencies.data()),
                      .magnitude = rope.magnitude,
                      .table = rope_table_,
                      .num_positions = limits_.num_positions,
                      .head_dim = head_dim},
                     stream.get()),
                 "launch_rope_table"));
  return stream.synchronize();
}

std::size_t DenseDecode::kv_pool_elements() const noexcept {
  return size(limits_.num_kv_blocks) * kernels::cuda::kv_block_size(kv_shape(weights_.shape()));
}

Status DenseDecode::set_rows(std::span<const DecodeRow> rows, const device::cuda::Stream& stream) {
  const std::size_t max_rows = size(limits_.max_rows);
  const std::size_t width = size(limits_.max_blocks_per_row);
  if (rows.size() > max_rows) {
    return make_error(ErrorCode::kInvalid, "decode: {} rows, at most {}", rows.size(), max_rows);
  }
  std::vector<std::uint32_t> token_ids(max_rows, 0);
  std::vector<std::int32_t> positions(max_rows, -1);
  std::vector<std::uint32_t> tables(max_rows * width, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].blocks.size() > width) {
      return make_error(ErrorCode::kInvalid, "decode: row {} has {} blocks, at most {}", i,
                        rows[i].blocks.size(), width);
    }
    token_ids[i] = rows[i].token_id;
    positions[i] = rows[i].position;
    std::ranges::copy(rows[i].blocks, tables.begin() + static_cast<std::ptrdiff_t>(i * width));
  }
  RETURN_IF_ERROR(upload(token_ids_, token_ids, stream));
  RETURN_IF_ERROR(upload(positions_, positions, stream));
  RETURN_IF_ERROR(upload(block_tables_, tables, stream));
  return stream.synchronize();
}

kernels::cuda::ResidualRows DenseDecode::residual_for(const std::uint16_t* norm) const noexcept {
  return {.residual = residual_, .norm_weight = norm, .weighted = weighted_, .squares = squares_};
}

Status DenseDecode::record_product(const ProductArgs& product, int num_rows,
                                   const device::cuda::Stream& stream) const {
  ProductArgs args = product;
  args.epsilon = epsilon_;
  args.num_rows = num_rows;
  args.num_multiprocessors = num_multiprocessors_;
  if (num_rows > kernels::cuda::kSkinnyMaxRows) {
    return check_cuda(kernels::cuda::launch_wide_product(args, stream.get()),
                      "launch_wide_product");
  }
  return check_cuda(kernels::cuda::launch_skinny_product(args, stream.get()),
                    "launch_skinny_product");
}

Status DenseDecode::record_attention(int index, int num_rows,
                                     const device::cuda::Stream& stream) const {
  const DenseShape& shape = weights_.shape();
  const DenseLayer& layer = weights_.layer(index);
  return check_cuda(
      kernels::cuda::launch_decode_attention({.qkv = qkv_,
                                              .q_norm = layer.q_norm,
                                              .k_norm = layer.k_norm,
                                              .rope_table = rope_table_,
                                              .positions = positions_,
                                              .block_tables = block_tables_,
                                              .kv_pool = kv_pool_,
                                              .partials = partials_,
                                              .finished = finished_,
                                              .out = attended_,
                                              .kv = kv_shape(shape),
                                              .layer = index,
                                              .num_rows = num_rows,
                                              .num_q_heads = shape.num_q_heads,
                                              .max_blocks = limits_.max_blocks_per_row,
                                              .num_positions = limits_.num_positions,
                                              .epsilon = epsilon_,
                                              .num_multiprocessors = num_multiprocessors_},
                                             stream.get()),
      "launch_decode_attention");
}

Status DenseDecode::record_layer(int index, int num_rows,
                                 const device::cuda::Stream& stream) const {
  const DenseShape& shape = weights_.shape();
  const DenseLayer& layer = weights_.layer(index);
  const std::uint16_t* next_norm = index + 1 < shape.num_layers
                                       ? weights_.layer(index + 1).attention_norm
                                       : weights_.final_norm();
  RETURN_IF_ERROR(record_product({.kind = ProductKind::kRows,
                                  .x = weighted_,
                                  .x_squares = squares_,
                                  .w = layer.qkv,
                                  .y = qkv_,
                                  .num_outputs = shape.qkv_dim(),
                                  .num_inputs = shape.dim},
                                 num_rows, stream));
  RETURN_IF_ERROR(record_attention(index, num_rows, stream));
  RETURN_IF_ERROR(record_product({.kind = ProductKind::kResidual,
                                  .x = attended_,
                                  .w = layer.out,
                                  .residual = residual_for(layer.ffn_norm),
                                  .num_outputs = shape.dim,
                                  .num_inputs = shape.q_dim()},
                                 num_rows, stream));
  RETURN_IF_ERROR(record_product({.kind = ProductKind::kSwiglu,
                                  .x = weighted_,
                                  .x_squares = squares_,
                                  .w = layer.gate_up,
                                  .y = activated_,
                                  .num_outputs = 2 * shape.inner,
                                  .num_inputs = shape.dim},
                                 num_rows, stream));
  return record_product({.kind = ProductKind::kResidual,
                         .x = activated_,
                         .w = layer.down,
                         .residual = residual_for(next_norm),
                         .num_outputs = shape.dim,
                         .num_inputs = shape.inner},
                        num_rows, stream);
}

Status DenseDecode::record_forward(int num_rows, const device::cuda::Stream& stream) const {
  const DenseShape& shape = weights_.shape();
  RETURN_IF_ERROR(check_cuda(
      kernels::cuda::launch_embed({.table = weights_.embedding(),
                                   .token_ids = token_ids_,
                                   .rows = residual_for(weights_.layer(0).attention_norm),
                                   .num_rows = num_rows,
                                   .dim = shape.dim,
                                   .vocab_size = shape.vocab_size},
                                  stream.get()),
      "launch_embed"));
  for (int i = 0; i < shape.num_layers; ++i) RETURN_IF_ERROR(record_layer(i, num_rows, stream));
  return record_product({.kind = ProductKind::kLogits,
                         .x = weighted_,
                         .x_squares = squares_,
                         .w = weights_.head(),
                         .logits = logits_,
                         .num_outputs = shape.vocab_size,
                         .num_inputs = shape.dim},
                        num_rows, stream);
}

Status DenseDecode::record_choice(int num_rows, const device::cuda::Stream& stream) const {
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::launch_argmax({.logits = logits_,
                                               .workspace = argmax_keys_,
                                               .token_ids = chosen_,
                                               .nan_flags = nan_flags_,
                                               .num_rows = num_rows,
                                               .vocab_size = weights_.shape().vocab_size},
                                              stream.get()),
                 "launch_argmax"));
  return check_cuda(kernels::cuda::launch_token_feedback({.chosen = chosen_,
                                                          .token_ids = token_ids_,
                                                          .positions = positions_,
                                                          .ring = ring_,
                                                          .step = step_,
                                                          .ring_steps = kRingSteps,
                                                          .ring_rows = limits_.max_rows,
                                                          .num_rows = num_rows},
                                                         stream.get()),
                    "launch_token_feedback");
}

Status DenseDecode::launch_step(int num_rows, const device::cuda::Stream& stream) const {
  for (const Bucket& bucket : buckets_) {
    if (num_rows <= bucket.num_rows) return bucket.graph.launch(stream);
  }
  return make_error(ErrorCode::kInvalid, "decode: {} rows, at most {}", num_rows, limits_.max_rows);
}

Status DenseDecode::launch_forward(int num_rows, const device::cuda::Stream& stream) const {
  return record_forward(num_rows, stream);
}

Result<std::vector<std::uint32_t>> DenseDecode::tokens_of(
    std::uint32_t step, int num_rows, const device::cuda::Stream& stream) const {
  std::vector<std::uint32_t> tokens(size(num_rows));
  const std::size_t place = step % static_cast<std::uint32_t>(kRingSteps);
  RETURN_IF_ERROR(device::cuda::copy_to_host(
      std::as_writable_bytes(std::span<std::uint32_t>(tokens)),
      reinterpret_cast<const std::byte*>(ring_ + (place * size(limits_.max_rows))), stream));
  RETURN_IF_ERROR(stream.synchronize());
  return tokens;
}

}  // namespace penstock::model::cuda
