// A dense model's decode step on the CPU: one token of one row in double, rounded to bf16 where the
// device keeps bf16. What decode_cases.cc holds the chain of launches against.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/cuda/dense_weights.h"

namespace penstock::gpu_test {

// Row-major bf16.
struct HostLayer {
  std::vector<std::uint16_t> qkv;
  std::vector<std::uint16_t> out;
  std::vector<std::uint16_t> gate;
  std::vector<std::uint16_t> up;
  std::vector<std::uint16_t> down;
  std::vector<std::uint16_t> attention_norm;
  std::vector<std::uint16_t> ffn_norm;
  std::vector<std::uint16_t> q_norm;  // empty: none
  std::vector<std::uint16_t> k_norm;
};
struct HostModel {
  model::cuda::DenseShape shape;
  std::vector<HostLayer> layers;
  std::vector<std::uint16_t> embedding;
  std::vector<std::uint16_t> head;  // empty: the embedding
  std::vector<std::uint16_t> final_norm;
  std::vector<float> inverse_frequencies;
  double epsilon;
};

// From a seed, as wide as keeps activations about 1.
[[nodiscard]] HostModel random_model(const model::cuda::DenseShape& shape, std::uint64_t seed);

struct HostRow {
  std::uint32_t token_id;
  std::int32_t position;
  std::span<const std::uint32_t> blocks;
};
// `kv_pool` is a copy of the device's (kernels/cuda/kv_layout.h), with all positions before the
// row's. Returns the logits.
[[nodiscard]] std::vector<double> decode_on_host(const HostModel& model, const HostRow& row,
                                                 std::span<const std::uint16_t> kv_pool);

}  // namespace penstock::gpu_test
