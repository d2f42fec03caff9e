// ModelConfig from the metadata of a GGUF file of the llama architecture.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/log.h"
#include "formats/dequantize.h"
#include "formats/gguf.h"
#include "model/config.h"

namespace penstock::model {
namespace {

using formats::GgufFile;

std::string llama(std::string_view name) {
  return format("llama.{}", name);
}

Result<std::uint32_t> read_count(const GgufFile& file, std::string_view name,
                                 std::optional<std::uint32_t> fallback = std::nullopt) {
  const std::string key = llama(name);
  if (fallback && file.find(key) == nullptr) return *fallback;
  ASSIGN_OR_RETURN(const std::uint64_t value, file.get_uint(key));
  if (value > std::numeric_limits<std::uint32_t>::max()) {
    return make_error(ErrorCode::kInvalid, "metadata key '{}' is {}; it must be below 2^32", key,
                      value);
  }
  return static_cast<std::uint32_t>(value);
}

Result<double> read_real(const GgufFile& file, std::string_view name,
                         std::optional<double> fallback = std::nullopt) {
  const std::string key = llama(name);
  if (fallback && file.find(key) == nullptr) return *fallback;
  return file.get_float(key);
}

// Keys of the architecture that are read here or that say nothing about the computation.
constexpr std::array<std::string_view, 25> kKnown = {"context_length",
                                                     "embedding_length",
                                                     "block_count",
                                                     "feed_forward_length",
                                                     "attention.head_count",
                                                     "attention.head_count_kv",
                                                     "attention.key_length",
                                                     "attention.value_length",
                                                     "attention.layer_norm_rms_epsilon",
                                                     "attention.causal",
                                                     "attention.sliding_window",
                                                     "rope.dimension_count",
                                                     "rope.freq_base",
                                                     "rope.scale_linear",
                                                     "rope.scaling.type",
                                                     "rope.scaling.factor",
                                                     "rope.scaling.attn_factor",
                                                     "rope.scaling.yarn_attn_factor",
                                                     "rope.scaling.yarn_beta_fast",
                                                     "rope.scaling.yarn_beta_slow",
                                                     "rope.scaling.original_context_length",
                                                     "rope.scaling.finetuned",
                                                     "vocab_size",
                                                     "tensor_data_layout",
                                                     "expert_count"};

// Keys that change the computation, and the one value each may have.
struct Neutral {
  std::string_view name;
  double value;
};
constexpr std::array<Neutral, 11> kNeutral = {{{"expert_count", 0},
                                               {"expert_used_count", 0},
                                               {"attention.clamp_kqv", 0},
                                               {"attention.max_alibi_bias", 0},
                                               {"attn_logit_softcapping", 0},
                                               {"final_logit_softcapping", 0},
                                               {"logit_scale", 1},
                                               {"residual_scale", 1},
                                               {"embedding_scale", 1},
                                               {"attention.temperature_scale", 0},
                                               {"rope.scaling.yarn_log_multiplier", 0}}};

Status refuse_unsupported(const GgufFile& file) {
  for (const Neutral& neutral : kNeutral) {
    ASSIGN_OR_RETURN(const double value, read_real(file, neutral.name, neutral.value));
    if (value != neutral.value) {
      return make_error(ErrorCode::kUnsupported, "metadata key 'llama.{}' is {}; only {} is built",
                        neutral.name, value, neutral.value);
    }
  }
  if (const std::string key = llama("attention.causal"); file.find(key) != nullptr) {
    ASSIGN_OR_RETURN(const bool causal, file.get_bool(key));
    if (!causal) {
      return make_error(ErrorCode::kUnsupported, "metadata key '{}' is false; only true is built",
                        key);
    }
  }
  return {};
}

void warn_of_unknown_keys(const GgufFile& file) {
  for (const std::string_view key : file.keys()) {
    if (!key.starts_with("llama.")) continue;
    const std::string_view name = key.substr(6);
    if (std::ranges::find(kKnown, name) == kKnown.end() &&
        std::ranges::find(kNeutral, name, &Neutral::name) == kNeutral.end()) {
      log_warning("metadata key '{}' is not known; if it changes the computation, results differ",
                  key);
    }
  }
}

// One number, or one per layer as long as all are equal.
Result<std::uint32_t> read_per_layer(const GgufFile& file, std::string_view name,
                                     std::optional<std::uint32_t> fallback = std::nullopt) {
  const std::string key = llama(name);
  const auto* value = file.find(key);
  const auto equal = [&]<class T>(const std::vector<T>& list) -> Result<std::uint32_t> {
    if (list.empty() || !std::ranges::all_of(list, [&](T v) { return v == list.front(); }) ||
        !std::in_range<std::uint32_t>(list.front())) {
      return make_error(ErrorCode::kUnsupported,
                        "metadata key '{}' differs between layers; that is not built", key);
    }
    return static_cast<std::uint32_t>(list.front());
  };
  if (value != nullptr) {
    if (const auto* list = std::get_if<std::vector<std::uint64_t>>(value)) return equal(*list);
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(value)) return equal(*list);
  }
  return read_count(file, name, fallback);
}

Status read_yarn(const GgufFile& file, std::uint32_t context, RopeConfig& rope) {
  rope.scaling = RopeScaling::kYarn;
  ASSIGN_OR_RETURN(rope.original_context,
                   read_count(file, "rope.scaling.original_context_length", context));
  ASSIGN_OR_RETURN(rope.beta_fast, read_real(file, "rope.scaling.yarn_beta_fast", rope.beta_fast));
  ASSIGN_OR_RETURN(rope.beta_slow, read_real(file, "rope.scaling.yarn_beta_slow", rope.beta_slow));
  ASSIGN_OR_RETURN(const double attention, read_real(file, "rope.scaling.attn_factor", 1.0));
  ASSIGN_OR_RETURN(const double yarn_attention,
                   read_real(file, "rope.scaling.yarn_attn_factor", 1.0));
  // The file's factor multiplies YaRN's own.
  if (attention * yarn_attention != 1.0) {
    rope.attention_factor = attention * yarn_attention * (0.1 * std::log(rope.factor) + 1.0);
  }
  return {};
}

Status read_scaling(const GgufFile& file, std::uint32_t context, RopeConfig& rope) {
  ASSIGN_OR_RETURN(const double old_factor, read_real(file, "rope.scale_linear", 0.0));
  ASSIGN_OR_RETURN(rope.factor, read_real(file, "rope.scaling.factor", old_factor));
  if (rope.factor == 0.0) rope.factor = 1.0;
  std::string_view type = "linear";
  if (const std::string key = llama("rope.scaling.type"); file.find(key) != nullptr) {
    ASSIGN_OR_RETURN(type, file.get_string(key));
  }
  if (type == "yarn") return read_yarn(file, context, rope);
  ASSIGN_OR_RETURN(const double attention, read_real(file, "rope.scaling.attn_factor", 1.0));
  if (attention != 1.0) {
    return make_error(ErrorCode::kUnsupported,
                      "metadata key 'llama.rope.scaling.attn_factor' is {}; without YaRN only 1 is "
                      "built",
                      attention);
  }
  if (type == "none") {
    rope.factor = 1.0;
    return {};
  }
  if (type == "linear") {
    rope.scaling = rope.factor == 1.0 ? RopeScaling::kNone : RopeScaling::kLinear;
    return {};
  }
  return make_error(ErrorCode::kUnsupported,
                    "metadata key 'llama.rope.scaling.type' is '{}'; none, linear and yarn are "
                    "supported",
                    type);
}

Status read_frequency_factors(const GgufFile& file, RopeConfig& rope) {
  const formats::TensorView* tensor = file.find_tensor("rope_freqs.weight");
  if (tensor == nullptr) return {};
  if (tensor->dtype != formats::DType::kF32 || tensor->shape.size() != 1 ||
      tensor->shape[0] != rope.dims / 2) {
    return make_error(ErrorCode::kInvalid,
                      "tensor 'rope_freqs.weight' must hold {} F32 values in one dimension",
                      rope.dims / 2);
  }
  rope.frequency_factors.resize(rope.dims / 2);
  formats::dequantize_row(tensor->dtype, tensor->bytes, rope.frequency_factors);
  return {};
}

Result<RopeConfig> read_rope(const GgufFile& file, const ModelConfig& config) {
  RopeConfig rope;
  rope.style = RopeStyle::kInterleaved;
  ASSIGN_OR_RETURN(rope.dims, read_count(file, "rope.dimension_count", config.head_dim));
  ASSIGN_OR_RETURN(rope.theta, read_real(file, "rope.freq_base", 10000.0));
  RETURN_IF_ERROR(read_scaling(file, config.context_length, rope));
  RETURN_IF_ERROR(read_frequency_factors(file, rope));
  return rope;
}

Result<std::uint32_t> read_vocab_size(const GgufFile& file) {
  const formats::TensorView* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr) {
    return make_error(ErrorCode::kInvalid, "tensor 'token_embd.weight' is missing");
  }
  const std::uint64_t rows = embedding->shape[0];
  if (rows > std::numeric_limits<std::uint32_t>::max()) {
    return make_error(ErrorCode::kInvalid, "tensor 'token_embd.weight' has {} rows", rows);
  }
  ASSIGN_OR_RETURN(const std::uint32_t size,
                   read_count(file, "vocab_size", static_cast<std::uint32_t>(rows)));
  if (file.find("tokenizer.ggml.tokens") != nullptr) {
    ASSIGN_OR_RETURN(const auto tokens, file.get_strings("tokenizer.ggml.tokens"));
    if (tokens.size() > size) {
      return make_error(ErrorCode::kInvalid, "the tokenizer has {} tokens, the model {}",
                        tokens.size(), size);
    }
  }
  return size;
}

Status read_attention(const GgufFile& file, ModelConfig& config) {
  ASSIGN_OR_RETURN(config.num_heads, read_per_layer(file, "attention.head_count"));
  ASSIGN_OR_RETURN(config.num_kv_heads,
                   read_per_layer(file, "attention.head_count_kv", config.num_heads));
  const std::uint32_t even_split =
      config.num_heads == 0 ? 0 : config.hidden_size / config.num_heads;
  ASSIGN_OR_RETURN(config.head_dim, read_count(file, "attention.key_length", even_split));
  ASSIGN_OR_RETURN(const std::uint32_t value_dim,
                   read_count(file, "attention.value_length", even_split));
  if (value_dim != config.head_dim) {
    return make_error(ErrorCode::kUnsupported,
                      "keys have {} elements and values {}; they must be "
                      "equal",
                      config.head_dim, value_dim);
  }
  ASSIGN_OR_RETURN(const std::uint32_t window, read_count(file, "attention.sliding_window", 0));
  if (window != 0 && window < config.context_length) {
    return make_error(ErrorCode::kUnsupported,
                      "metadata key 'llama.attention.sliding_window' is {} in a context of {}; "
                      "windowed attention is not built",
                      window, config.context_length);
  }
  return {};
}

}  // namespace

Result<ModelConfig> config_from_gguf(const GgufFile& file) {
  ModelConfig config;
  ASSIGN_OR_RETURN(const std::string_view architecture, file.get_string("general.architecture"));
  if (architecture != "llama") {
    return make_error(ErrorCode::kUnsupported, "the architecture '{}' is not supported; 'llama' is",
                      architecture);
  }
  config.architecture = architecture;
  RETURN_IF_ERROR(refuse_unsupported(file));
  ASSIGN_OR_RETURN(config.vocab_size, read_vocab_size(file));
  ASSIGN_OR_RETURN(config.context_length, read_count(file, "context_length"));
  ASSIGN_OR_RETURN(config.hidden_size, read_count(file, "embedding_length"));
  ASSIGN_OR_RETURN(config.num_layers, read_count(file, "block_count"));
  ASSIGN_OR_RETURN(config.intermediate_size, read_per_layer(file, "feed_forward_length"));
  RETURN_IF_ERROR(read_attention(file, config));
  ASSIGN_OR_RETURN(const double epsilon, read_real(file, "attention.layer_norm_rms_epsilon"));
  config.rms_norm_eps = static_cast<float>(epsilon);
  config.tie_embeddings = file.find_tensor("output.weight") == nullptr;
  ASSIGN_OR_RETURN(config.rope, read_rope(file, config));
  RETURN_IF_ERROR(check_config(config));
  warn_of_unknown_keys(file);
  return config;
}

}  // namespace penstock::model
