#include "model/config.h"

#include <cmath>
#include <string_view>

namespace penstock::model {
namespace {

// Far above every published model; they keep products of two sizes far from overflow.
constexpr std::uint32_t kMaxVocab = 1U << 22;
constexpr std::uint32_t kMaxHidden = 1U << 17;
constexpr std::uint32_t kMaxIntermediate = 1U << 20;
constexpr std::uint32_t kMaxLayers = 1U << 10;
constexpr std::uint32_t kMaxHeads = 1U << 10;
constexpr std::uint32_t kMaxHeadDim = 1U << 10;
constexpr std::uint32_t kMaxContext = 1U << 27;
constexpr double kMaxTheta = 1e15;
constexpr double kMaxFactor = 1e6;

Status check_count(std::string_view name, std::uint32_t value, std::uint32_t limit) {
  if (value >= 1 && value <= limit) return {};
  return make_error(ErrorCode::kInvalid, "{} is {}; it must be from 1 to {}", name, value, limit);
}

Status check_real(std::string_view name, double value, double least, double most) {
  if (value >= least && value <= most) return {};  // false for NaN
  return make_error(ErrorCode::kInvalid, "{} is {}; it must be from {} to {}", name, value, least,
                    most);
}

Status check_scaling(const RopeConfig& rope) {
  if (rope.scaling == RopeScaling::kNone) return {};
  const double least = rope.scaling == RopeScaling::kLinear ? 1.0 / kMaxFactor : 1.0;
  RETURN_IF_ERROR(check_real("the RoPE scaling factor", rope.factor, least, kMaxFactor));
  if (rope.scaling == RopeScaling::kLinear) return {};
  RETURN_IF_ERROR(
      check_count("the original context of RoPE scaling", rope.original_context, kMaxContext));
  if (rope.scaling == RopeScaling::kLlama3) {
    RETURN_IF_ERROR(check_real("low_freq_factor", rope.low_freq_factor, 1e-6, kMaxFactor));
    RETURN_IF_ERROR(check_real("high_freq_factor", rope.high_freq_factor, 1e-6, kMaxFactor));
    if (rope.high_freq_factor <= rope.low_freq_factor) {
      return make_error(ErrorCode::kInvalid,
                        "high_freq_factor is {}; it must be above low_freq_factor, {}",
                        rope.high_freq_factor, rope.low_freq_factor);
    }
    return {};
  }
  RETURN_IF_ERROR(check_real("beta_fast", rope.beta_fast, 1e-6, kMaxFactor));
  RETURN_IF_ERROR(check_real("beta_slow", rope.beta_slow, 1e-6, kMaxFactor));
  if (rope.attention_factor) {
    RETURN_IF_ERROR(check_real("attention_factor", *rope.attention_factor, 1e-6, kMaxFactor));
  }
  return {};
}

Status check_rope(const RopeConfig& rope, std::uint32_t head_dim) {
  if (rope.dims != head_dim) {
    return make_error(ErrorCode::kUnsupported,
                      "RoPE rotates {} of the {} elements of a head; partial rotation is not built",
                      rope.dims, head_dim);
  }
  // YaRN divides by the logarithm of theta.
  RETURN_IF_ERROR(check_real("the RoPE theta", rope.theta, 1.001, kMaxTheta));
  if (!rope.frequency_factors.empty() && rope.frequency_factors.size() != rope.dims / 2) {
    return make_error(ErrorCode::kInvalid, "there are {} RoPE frequency factors; {} are needed",
                      rope.frequency_factors.size(), rope.dims / 2);
  }
  for (const float factor : rope.frequency_factors) {
    RETURN_IF_ERROR(check_real("a RoPE frequency factor", factor, 1e-6, 1e9));
  }
  return check_scaling(rope);
}

}  // namespace

Status check_config(const ModelConfig& config) {
  RETURN_IF_ERROR(check_count("the vocabulary size", config.vocab_size, kMaxVocab));
  RETURN_IF_ERROR(check_count("the hidden size", config.hidden_size, kMaxHidden));
  RETURN_IF_ERROR(check_count("the intermediate size", config.intermediate_size, kMaxIntermediate));
  RETURN_IF_ERROR(check_count("the number of layers", config.num_layers, kMaxLayers));
  RETURN_IF_ERROR(check_count("the number of heads", config.num_heads, kMaxHeads));
  RETURN_IF_ERROR(check_count("the number of KV heads", config.num_kv_heads, kMaxHeads));
  RETURN_IF_ERROR(check_count("the head size", config.head_dim, kMaxHeadDim));
  RETURN_IF_ERROR(check_count("the context length", config.context_length, kMaxContext));
  if (config.num_heads % config.num_kv_heads != 0) {
    return make_error(ErrorCode::kInvalid, "{} heads cannot share {} KV heads evenly",
                      config.num_heads, config.num_kv_heads);
  }
  if (config.head_dim % 2 != 0) {
    return make_error(ErrorCode::kInvalid, "the head size is {}; RoPE needs an even one",
                      config.head_dim);
  }
  RETURN_IF_ERROR(check_real("the RMS norm epsilon", config.rms_norm_eps, 1e-20, 1.0));
  return check_rope(config.rope, config.head_dim);
}

}  // namespace penstock::model
