#include "kernels/ref/ops.h"

#include <algorithm>
#include <cmath>

namespace penstock::kernels::ref {

std::vector<double> matmul(std::span<const float> w, std::span<const float> x,
                           std::size_t num_inputs) {
  const std::size_t num_outputs = w.size() / num_inputs;
  const std::size_t num_rows = x.size() / num_inputs;
  std::vector<double> y(num_rows * num_outputs);
  for (std::size_t row = 0; row < num_rows; ++row) {
    for (std::size_t n = 0; n < num_outputs; ++n) {
      double sum = 0.0;
      for (std::size_t k = 0; k < num_inputs; ++k) {
        sum += static_cast<double>(w[n * num_inputs + k]) * x[row * num_inputs + k];
      }
      y[row * num_outputs + n] = sum;
    }
  }
  return y;
}

std::vector<double> rms_norm(std::span<const float> x, std::span<const float> weight,
                             double epsilon) {
  double squares = 0.0;
  for (const double value : x) squares += value * value;
  const double scale = 1.0 / std::sqrt(squares / static_cast<double>(x.size()) + epsilon);
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * scale * weight[i];
  return y;
}

std::vector<double> swiglu(std::span<const float> gate, std::span<const float> up) {
  std::vector<double> y(gate.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    y[i] = gate[i] / (1.0 + std::exp(-static_cast<double>(gate[i]))) * up[i];
  }
  return y;
}

std::vector<double> attention(std::span<const float> query, std::span<const float> keys,
                              std::span<const float> values, double scale) {
  const std::size_t head_dim = query.size();
  std::vector<double> weights = matmul(keys, query, head_dim);
  for (double& weight : weights) weight *= scale;
  const double maximum = *std::ranges::max_element(weights);
  double total = 0.0;
  for (double& weight : weights) total += weight = std::exp(weight - maximum);
  std::vector<double> out(head_dim, 0.0);
  for (std::size_t position = 0; position < weights.size(); ++position) {
    for (std::size_t d = 0; d < head_dim; ++d) {
      out[d] += weights[position] / total * values[position * head_dim + d];
    }
  }
  return out;
}

std::vector<double> rope(std::span<const float> head, std::uint32_t position,
                         std::span<const float> inverse_frequencies, bool interleaved) {
  std::vector<double> out(head.begin(), head.end());
  const std::size_t num_pairs = inverse_frequencies.size();
  for (std::size_t i = 0; i < num_pairs; ++i) {
    const double angle = static_cast<double>(position) * inverse_frequencies[i];
    const std::size_t a = interleaved ? 2 * i : i;
    const std::size_t b = interleaved ? 2 * i + 1 : i + num_pairs;
    out[a] = head[a] * std::cos(angle) - head[b] * std::sin(angle);
    out[b] = head[b] * std::cos(angle) + head[a] * std::sin(angle);
  }
  return out;
}

}  // namespace penstock::kernels::ref
