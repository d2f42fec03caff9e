#include "model/forward_scratch.h"

namespace penstock::model {
namespace {

// Strides are multiples of 128 bytes, so that rows of different members share no cache line.
constexpr std::size_t round_up_32(std::size_t n) {
  return (n + 31) / 32 * 32;
}

Status make(FloatRows& rows, std::size_t num_rows, std::size_t stride) {
  rows.stride = stride;
  ASSIGN_OR_RETURN(rows.memory, device::HostBuffer::allocate(num_rows * stride * sizeof(float)));
  return {};
}

Status make(ActivationRows& rows, ComputeType compute, std::size_t num_rows, std::size_t size) {
  rows.type =
      compute == ComputeType::kF32 ? kernels::ActivationType::kF32 : kernels::ActivationType::kBF16;
  rows.stride = round_up_32(size);
  const std::size_t bytes = num_rows * rows.stride * kernels::value_bytes(rows.type);
  ASSIGN_OR_RETURN(rows.memory, device::HostBuffer::allocate(bytes));
  return {};
}

}  // namespace

Result<ForwardScratch> ForwardScratch::allocate(const ModelConfig& config,
                                                const ForwardOptions& options) {
  ForwardScratch s;
  const std::size_t rows = options.max_batch_rows;
  const std::size_t heads_dim = std::size_t{config.num_heads} * config.head_dim;
  const std::size_t kv_dim = std::size_t{config.num_kv_heads} * config.head_dim;
  const std::size_t rope_pairs = config.rope.dims / 2;
  RETURN_IF_ERROR(make(s.hidden, rows, round_up_32(config.hidden_size)));
  RETURN_IF_ERROR(make(s.normed, options.compute, rows, config.hidden_size));
  RETURN_IF_ERROR(make(s.qkv, rows, round_up_32(heads_dim + 2 * kv_dim)));
  RETURN_IF_ERROR(make(s.attended, options.compute, rows, heads_dim));
  RETURN_IF_ERROR(make(s.gate_up, rows, round_up_32(std::size_t{2} * config.intermediate_size)));
  RETURN_IF_ERROR(make(s.activated, options.compute, rows, config.intermediate_size));
  RETURN_IF_ERROR(make(s.cosines, rows, round_up_32(rope_pairs)));
  RETURN_IF_ERROR(make(s.sines, rows, round_up_32(rope_pairs)));
  RETURN_IF_ERROR(make(s.logits, options.max_logit_rows, config.vocab_size));
  return s;
}

}  // namespace penstock::model
