#include "tests/model/reference_llama.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <string>

#include "base/format.h"

namespace penstock::model::testing {
namespace {

using Vector = std::vector<double>;

class Reference {
 public:
  Reference(const TinyModel& model, const ReferenceRope& rope) : spec_(model.spec()), rope_(rope) {
    for (const TinyTensor& tensor : model.tensors()) {
      const std::vector<float> values = tensor.values();
      weights_[tensor.hf_name] = Vector(values.begin(), values.end());
    }
    keys_.resize(spec_.num_layers);
    values_.resize(spec_.num_layers);
  }

  // Logits after one more token.
  Vector next(std::uint32_t token) {
    const Vector& embedding = weights_.at("model.embed_tokens.weight");
    const auto row = embedding.begin() + static_cast<std::ptrdiff_t>(token) * spec_.hidden_size;
    Vector x(row, row + spec_.hidden_size);
    for (std::uint32_t layer = 0; layer < spec_.num_layers; ++layer) {
      const std::string name = format("model.layers.{}.", layer);
      add(x, attention(layer, norm(x, name + "input_layernorm.weight")));
      add(x, mlp(name + "mlp.", norm(x, name + "post_attention_layernorm.weight")));
    }
    ++position_;
    return times(spec_.tie_embeddings ? "model.embed_tokens.weight" : "lm_head.weight",
                 norm(x, "model.norm.weight"));
  }

 private:
  static void add(Vector& x, const Vector& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  [[nodiscard]] Vector norm(const Vector& x, const std::string& name) const {
    double squares = 0.0;
    for (const double value : x) squares += value * value;
    const double scale = 1.0 / std::sqrt(squares / static_cast<double>(x.size()) + 1e-5);
    Vector y = weights_.at(name);
    for (std::size_t i = 0; i < x.size(); ++i) y[i] *= x[i] * scale;
    return y;
  }

  [[nodiscard]] Vector times(const std::string& name, const Vector& x) const {
    const Vector& w = weights_.at(name);
    Vector y(w.size() / x.size(), 0.0);
    for (std::size_t n = 0; n < y.size(); ++n) {
      for (std::size_t k = 0; k < x.size(); ++k) y[n] += w[n * x.size() + k] * x[k];
    }
    return y;
  }

  void turn(Vector& heads) const {
    const std::size_t half = spec_.head_dim / 2;
    for (std::size_t start = 0; start < heads.size(); start += spec_.head_dim) {
      for (std::size_t i = 0; i < half; ++i) {
        const double angle = position_ * rope_.inverse_frequencies[i];
        const double c = std::cos(angle) * rope_.magnitude;
        const double s = std::sin(angle) * rope_.magnitude;
        const double a = heads[start + i];
        const double b = heads[start + i + half];
        heads[start + i] = a * c - b * s;
        heads[start + i + half] = b * c + a * s;
      }
    }
  }

  Vector attention(std::uint32_t layer, const Vector& x) {
    const std::string name = format("model.layers.{}.self_attn.", layer);
    Vector q = times(name + "q_proj.weight", x);
    Vector k = times(name + "k_proj.weight", x);
    turn(q);
    turn(k);
    keys_[layer].push_back(k);
    values_[layer].push_back(times(name + "v_proj.weight", x));
    Vector out(q.size(), 0.0);
    for (std::uint32_t head = 0; head < spec_.num_heads; ++head) attend(layer, head, q, out);
    return times(name + "o_proj.weight", out);
  }

  void attend(std::uint32_t layer, std::uint32_t head, const Vector& q, Vector& out) const {
    const std::size_t dim = spec_.head_dim;
    const std::size_t kv = head / (spec_.num_heads / spec_.num_kv_heads) * dim;
    Vector weights;
    for (const Vector& key : keys_[layer]) {
      double dot = 0.0;
      for (std::size_t d = 0; d < dim; ++d) dot += q[head * dim + d] * key[kv + d];
      weights.push_back(dot / std::sqrt(static_cast<double>(dim)));
    }
    const double maximum = *std::ranges::max_element(weights);
    double total = 0.0;
    for (double& weight : weights) total += weight = std::exp(weight - maximum);
    for (std::size_t p = 0; p < weights.size(); ++p) {
      for (std::size_t d = 0; d < dim; ++d) {
        out[head * dim + d] += weights[p] / total * values_[layer][p][kv + d];
      }
    }
  }

  [[nodiscard]] Vector mlp(const std::string& name, const Vector& x) const {
    Vector gate = times(name + "gate_proj.weight", x);
    const Vector up = times(name + "up_proj.weight", x);
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1.0 + std::exp(-gate[i]));
    return times(name + "down_proj.weight", gate);
  }

  const TinyModelSpec& spec_;
  const ReferenceRope& rope_;
  std::map<std::string, Vector> weights_;
  std::vector<std::vector<Vector>> keys_;    // [layer][position]
  std::vector<std::vector<Vector>> values_;  // likewise
  double position_ = 0.0;
};

// Chen et al. 2023, section on NTK-by-parts in Peng et al., "YaRN", 2023: dimensions that turn
// more than beta_fast times over the original context keep their frequency, those that turn less
// than beta_slow times are interpolated, with a ramp between.
void scale_yarn(const RopeConfig& rope, ReferenceRope& out) {
  const auto dimension_of = [&](double turns) {
    return rope.dims * std::log(rope.original_context / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
  };
  const double low = std::max(std::floor(dimension_of(rope.beta_fast)), 0.0);
  const double high = std::min(std::ceil(dimension_of(rope.beta_slow)), rope.dims - 1.0);
  for (std::size_t i = 0; i < out.inverse_frequencies.size(); ++i) {
    const double ramp =
        std::clamp((static_cast<double>(i) - low) / std::max(high - low, 0.001), 0.0, 1.0);
    double& frequency = out.inverse_frequencies[i];
    frequency = frequency / rope.factor * ramp + frequency * (1.0 - ramp);
  }
  out.magnitude = 0.1 * std::log(rope.factor) + 1.0;
}

void scale_llama3(const RopeConfig& rope, ReferenceRope& out) {
  for (double& frequency : out.inverse_frequencies) {
    const double turns = rope.original_context * frequency / (2 * std::numbers::pi);
    const double keep = std::clamp(
        (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor), 0.0, 1.0);
    frequency = frequency * keep + frequency / rope.factor * (1.0 - keep);
  }
}

}  // namespace

ReferenceRope reference_rope(const RopeConfig& rope) {
  ReferenceRope out;
  for (std::uint32_t i = 0; i < rope.dims / 2; ++i) {
    out.inverse_frequencies.push_back(std::pow(rope.theta, -2.0 * i / rope.dims));
  }
  switch (rope.scaling) {
    case RopeScaling::kNone:
      break;
    case RopeScaling::kLinear:
      for (double& frequency : out.inverse_frequencies) frequency /= rope.factor;
      break;
    case RopeScaling::kLlama3:
      scale_llama3(rope, out);
      break;
    case RopeScaling::kYarn:
      scale_yarn(rope, out);
      break;
  }
  return out;
}

std::vector<double> reference_logits(const TinyModel& model, const ReferenceRope& rope,
                                     std::span<const std::uint32_t> token_ids) {
  Reference reference(model, rope);
  std::vector<double> logits;
  for (const std::uint32_t token : token_ids) {
    const Vector row = reference.next(token);
    logits.insert(logits.end(), row.begin(), row.end());
  }
  return logits;
}

}  // namespace penstock::model::testing
