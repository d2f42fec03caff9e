#include "tests/kernels/cuda/reference_decoder.h"

#include <cmath>

#include "kernels/cuda/kv_layout.h"
#include "kernels/ref/ops.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

std::vector<float> rounded(std::span<const double> values) {
  std::vector<float> result;
  for (const double value : values) {
    result.push_back(kernels::bf16_to_f32(kernels::f32_to_bf16(static_cast<float>(value))));
  }
  return result;
}

std::vector<double> multiply(std::span<const std::uint16_t> w, std::span<const float> x) {
  return kernels::ref::matmul(to_floats(w), x, x.size());
}

// A norm and the product over it: the norm's scale comes after the product.
std::vector<double> multiply_normed(const HostModel& model, std::span<const std::uint16_t> w,
                                    std::span<const float> residual,
                                    std::span<const std::uint16_t> norm) {
  const std::vector<float> factors = to_floats(norm);
  std::vector<double> weighted;
  double squares = 0.0;
  for (std::size_t i = 0; i < residual.size(); ++i) {
    weighted.push_back(static_cast<double>(residual[i]) * factors[i]);
    squares += static_cast<double>(residual[i]) * residual[i];
  }
  const double scale =
      1.0 / std::sqrt((squares / static_cast<double>(residual.size())) + model.epsilon);
  std::vector<double> y = multiply(w, rounded(weighted));
  for (double& value : y) value *= scale;
  return y;
}

void add(std::vector<float>& residual, std::span<const double> values) {
  const std::vector<float> added = rounded(values);
  for (std::size_t i = 0; i < residual.size(); ++i) {
    residual[i] = rounded(std::vector<double>{static_cast<double>(residual[i]) + added[i]})[0];
  }
}

// A query or key head on its way to attention.
std::vector<float> turned(const HostModel& model, std::span<const float> head,
                          std::span<const std::uint16_t> norm, std::int32_t position) {
  std::vector<float> normed(head.begin(), head.end());
  if (!norm.empty()) {
    const auto values = kernels::ref::rms_norm(head, to_floats(norm), model.epsilon);
    normed.assign(values.begin(), values.end());
  }
  return rounded(kernels::ref::rope(normed, static_cast<std::uint32_t>(position),
                                    model.inverse_frequencies, false));
}

// The rows before `position` of a KV head, then the newest.
std::vector<float> history(const HostModel& model, const HostRow& row,
                           std::span<const std::uint16_t> pool, std::size_t offset_in_block,
                           std::span<const float> newest) {
  const auto& shape = model.shape;
  const kernels::cuda::KvShape kv{shape.num_layers, shape.num_kv_heads, shape.head_dim};
  const std::size_t dim = size(shape.head_dim);
  std::vector<float> rows;
  for (std::int32_t position = 0; position < row.position; ++position) {
    const auto block = row.blocks[size(position / kernels::cuda::kKvBlockTokens)];
    const std::size_t from = (block * kernels::cuda::kv_block_size(kv)) + offset_in_block +
                             (size(position % kernels::cuda::kKvBlockTokens) * dim);
    const auto one = to_floats(pool.subspan(from, dim));
    rows.insert(rows.end(), one.begin(), one.end());
  }
  rows.insert(rows.end(), newest.begin(), newest.end());
  return rows;
}

std::vector<float> attend(const HostModel& model, int layer_index, const HostRow& row,
                          std::span<const std::uint16_t> pool, std::span<const float> qkv) {
  const auto& shape = model.shape;
  const HostLayer& layer = model.layers[size(layer_index)];
  const kernels::cuda::KvShape kv{shape.num_layers, shape.num_kv_heads, shape.head_dim};
  const std::size_t dim = size(shape.head_dim);
  const int group = shape.num_q_heads / shape.num_kv_heads;
  const auto head_of = [&](int index) { return qkv.subspan(size(index) * dim, dim); };
  std::vector<float> out;
  for (int head = 0; head < shape.num_kv_heads; ++head) {
    const std::size_t keys = kernels::cuda::kv_key_offset(kv, 0, layer_index, head);
    const auto key = turned(model, head_of(shape.num_q_heads + head), layer.k_norm, row.position);
    const auto all_keys = history(model, row, pool, keys, key);
    const auto all_values = history(model, row, pool, keys + kernels::cuda::kv_value_distance(kv),
                                    head_of(shape.num_q_heads + shape.num_kv_heads + head));
    for (int i = 0; i < group; ++i) {
      const auto query = turned(model, head_of((head * group) + i), layer.q_norm, row.position);
      const auto one = rounded(kernels::ref::attention(
          query, all_keys, all_values, 1.0 / std::sqrt(static_cast<double>(shape.head_dim))));
      out.insert(out.end(), one.begin(), one.end());
    }
  }
  return out;
}

}  // namespace

HostModel random_model(const model::cuda::DenseShape& shape, std::uint64_t seed) {
  const auto matrix = [&](int outputs, int inputs) {
    return random_bf16(size(outputs) * size(inputs), ++seed,
                       std::sqrt(3.0F / static_cast<float>(inputs)));
  };
  const auto norm = [&](int count) {
    auto values = random_bf16(size(count), ++seed, 0.2F);
    for (std::uint16_t& value : values) {
      value = kernels::f32_to_bf16(1.0F + kernels::bf16_to_f32(value));
    }
    return values;
  };
  HostModel model{.shape = shape,
                  .layers = {},
                  .embedding = matrix(shape.vocab_size, shape.dim),
                  .head = {},
                  .final_norm = norm(shape.dim),
                  .inverse_frequencies = {},
                  .epsilon = 1e-5};
  if (!shape.ties_embeddings) model.head = matrix(shape.vocab_size, shape.dim);
  for (int i = 0; i < shape.num_layers; ++i) {
    model.layers.push_back({.qkv = matrix(shape.qkv_dim(), shape.dim),
                            .out = matrix(shape.dim, shape.q_dim()),
                            .gate = matrix(shape.inner, shape.dim),
                            .up = matrix(shape.inner, shape.dim),
                            .down = matrix(shape.dim, shape.inner),
                            .attention_norm = norm(shape.dim),
                            .ffn_norm = norm(shape.dim),
                            .q_norm = norm(shape.has_qk_norm ? shape.head_dim : 0),
                            .k_norm = norm(shape.has_qk_norm ? shape.head_dim : 0)});
  }
  for (int i = 0; i < shape.head_dim / 2; ++i) {
    model.inverse_frequencies.push_back(
        static_cast<float>(std::pow(500'000.0, -2.0 * i / shape.head_dim)));
  }
  return model;
}

std::vector<double> decode_on_host(const HostModel& model, const HostRow& row,
                                   std::span<const std::uint16_t> kv_pool) {
  const auto& shape = model.shape;
  std::vector<float> residual = to_floats(
      std::span(model.embedding).subspan(row.token_id * size(shape.dim), size(shape.dim)));
  for (int i = 0; i < shape.num_layers; ++i) {
    const HostLayer& layer = model.layers[size(i)];
    const auto qkv = rounded(multiply_normed(model, layer.qkv, residual, layer.attention_norm));
    add(residual, multiply(layer.out, attend(model, i, row, kv_pool, qkv)));
    const auto gate = rounded(multiply_normed(model, layer.gate, residual, layer.ffn_norm));
    const auto up = rounded(multiply_normed(model, layer.up, residual, layer.ffn_norm));
    add(residual, multiply(layer.down, rounded(kernels::ref::swiglu(gate, up))));
  }
  return multiply_normed(model, shape.ties_embeddings ? model.embedding : model.head, residual,
                         model.final_norm);
}

}  // namespace penstock::gpu_test
