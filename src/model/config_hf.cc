// ModelConfig from a Hugging Face config.json. Defaults and the meaning of fields are those of the
// Llama and Mistral configurations of transformers, which leaves fields out that have them.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "model/config.h"
#include "text/json.h"

namespace penstock::model {
namespace {

using text::Json;

// A member that is there and not null.
const Json* present(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::unexpected<Error> wrong_type(std::string_view name, const Json& value,
                                  std::string_view wanted) {
  return make_error(ErrorCode::kInvalid, "'{}' is of type {}; it must be {}", name,
                    value.type_name(), wanted);
}

Result<std::uint32_t> read_count(const Json& object, std::string_view name,
                                 std::optional<std::uint32_t> fallback = std::nullopt) {
  const Json* value = present(object, name);
  if (value == nullptr) {
    if (fallback) return *fallback;
    return make_error(ErrorCode::kInvalid, "'{}' is missing", name);
  }
  // Some writers put 8192.0 for a count.
  const bool whole = value->is_int() ||
                     (value->is_double() && value->as_double() == std::trunc(value->as_double()));
  if (!whole) return wrong_type(name, *value, "an integer");
  const double number = value->as_double();
  if (!(number >= 0 && number <= std::numeric_limits<std::uint32_t>::max())) {
    return make_error(ErrorCode::kInvalid, "'{}' is {}; it must be a count below 2^32", name,
                      number);
  }
  return static_cast<std::uint32_t>(number);
}

Result<double> read_real(const Json& object, std::string_view name,
                         std::optional<double> fallback = std::nullopt) {
  const Json* value = present(object, name);
  if (value == nullptr) {
    if (fallback) return *fallback;
    return make_error(ErrorCode::kInvalid, "'{}' is missing", name);
  }
  if (!value->is_number()) return wrong_type(name, *value, "a number");
  return value->as_double();
}

Result<bool> read_bool(const Json& object, std::string_view name, bool fallback) {
  const Json* value = present(object, name);
  if (value == nullptr) return fallback;
  if (!value->is_bool()) return wrong_type(name, *value, "a boolean");
  return value->as_bool();
}

Result<std::string> read_string(const Json& object, std::string_view name,
                                std::string_view fallback) {
  const Json* value = present(object, name);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) return wrong_type(name, *value, "a string");
  return value->as_string();
}

// What the class of a model assumes when its file says nothing.
struct Family {
  std::string_view architecture;
  std::string_view model_type;
  std::optional<std::uint32_t> kv_heads;  // unset: as many as heads
  std::uint32_t sliding_window;           // 0: none
};
constexpr std::array<Family, 2> kFamilies = {{
    {"LlamaForCausalLM", "llama", std::nullopt, 0},
    {"MistralForCausalLM", "mistral", 8, 4096},
}};

Result<Family> read_family(const Json& config) {
  std::string name;
  std::string_view Family::* by = &Family::architecture;
  if (const Json* list = present(config, "architectures"); list != nullptr) {
    if (!list->is_array() || list->as_array().size() != 1 || !list->as_array()[0].is_string()) {
      return make_error(ErrorCode::kInvalid, "'architectures' must be a list of one string");
    }
    name = list->as_array()[0].as_string();
  } else {
    ASSIGN_OR_RETURN(name, read_string(config, "model_type", ""));
    by = &Family::model_type;
    if (name.empty()) {
      return make_error(ErrorCode::kInvalid, "neither 'architectures' nor 'model_type' is there");
    }
  }
  const auto it = std::ranges::find(kFamilies, std::string_view(name), by);
  if (it != kFamilies.end()) return *it;
  return make_error(ErrorCode::kUnsupported,
                    "the architecture '{}' is not supported; {} and {} are", name,
                    kFamilies[0].architecture, kFamilies[1].architecture);
}

// Fields that change the computation, and the one value each may have.
Status refuse_unsupported(const Json& config) {
  static constexpr std::array<std::string_view, 8> kMustBeFalse = {
      "attention_bias",   "mlp_bias", "use_qk_norm", "qk_layernorm",
      "rope_interleaved", "alibi",    "use_bias",    "attn_output_gate"};
  for (const std::string_view name : kMustBeFalse) {
    ASSIGN_OR_RETURN(const bool value, read_bool(config, name, false));
    if (value) return make_error(ErrorCode::kUnsupported, "'{}' is true; that is not built", name);
  }
  static constexpr std::array<std::string_view, 8> kMustBeOne = {
      "partial_rotary_factor", "embedding_multiplier", "residual_multiplier",
      "logits_scaling",        "logit_scale",          "scale_emb",
      "num_experts",           "num_local_experts"};
  for (const std::string_view name : kMustBeOne) {
    ASSIGN_OR_RETURN(const double value, read_real(config, name, 1.0));
    if (value != 1.0) {
      return make_error(ErrorCode::kUnsupported, "'{}' is {}; only 1 is built", name, value);
    }
  }
  static constexpr std::array<std::string_view, 7> kMustBeAbsent = {
      "quantization_config",   "attn_logit_softcapping", "final_logit_softcapping", "clip_qkv",
      "query_pre_attn_scalar", "attention_multiplier",   "no_rope_layers"};
  for (const std::string_view name : kMustBeAbsent) {
    if (present(config, name) != nullptr) {
      return make_error(ErrorCode::kUnsupported, "'{}' is set; that is not built", name);
    }
  }
  ASSIGN_OR_RETURN(const std::string activation, read_string(config, "hidden_act", "silu"));
  if (activation != "silu" && activation != "swish") {
    return make_error(ErrorCode::kUnsupported, "'hidden_act' is '{}'; only 'silu' is built",
                      activation);
  }
  return {};
}

Status refuse_windows(const Json& config, const Family& family, std::uint32_t context) {
  // An explicit null means no window, whatever the family.
  const bool silent = config.find("sliding_window") == nullptr;
  ASSIGN_OR_RETURN(const std::uint32_t window,
                   read_count(config, "sliding_window", silent ? family.sliding_window : 0));
  ASSIGN_OR_RETURN(const bool used, read_bool(config, "use_sliding_window", true));
  if (used && window != 0 && window < context) {
    return make_error(ErrorCode::kUnsupported,
                      "'sliding_window' is {} in a context of {}; windowed attention is not built",
                      window, context);
  }
  const Json* layers = present(config, "layer_types");
  if (layers == nullptr) return {};
  if (!layers->is_array()) return wrong_type("layer_types", *layers, "a list");
  for (const Json& layer : layers->as_array()) {
    if (!layer.is_string() || layer.as_string() != "full_attention") {
      return make_error(ErrorCode::kUnsupported,
                        "'layer_types' holds something other than 'full_attention'");
    }
  }
  return {};
}

// 0.1 m ln(factor) + 1, of which YaRN takes the quotient for two m.
double magnitude_scale(double factor, double m) {
  return factor <= 1.0 ? 1.0 : 0.1 * m * std::log(factor) + 1.0;
}

Status read_yarn(const Json& scaling, RopeConfig& rope) {
  // Zero stands for unset here, as in the reference.
  ASSIGN_OR_RETURN(const double fast, read_real(scaling, "beta_fast", 0.0));
  ASSIGN_OR_RETURN(const double slow, read_real(scaling, "beta_slow", 0.0));
  if (fast != 0.0) rope.beta_fast = fast;
  if (slow != 0.0) rope.beta_slow = slow;
  ASSIGN_OR_RETURN(rope.truncate_ramp, read_bool(scaling, "truncate", true));
  if (present(scaling, "attention_factor") != nullptr) {
    ASSIGN_OR_RETURN(rope.attention_factor, read_real(scaling, "attention_factor"));
    return {};
  }
  ASSIGN_OR_RETURN(const double mscale, read_real(scaling, "mscale", 0.0));
  ASSIGN_OR_RETURN(const double all_dim, read_real(scaling, "mscale_all_dim", 0.0));
  if (mscale != 0.0 && all_dim != 0.0) {
    rope.attention_factor =
        magnitude_scale(rope.factor, mscale) / magnitude_scale(rope.factor, all_dim);
  }
  return {};
}

Status read_scaling(const Json& scaling, const Json& config, RopeConfig& rope) {
  if (!scaling.is_object()) return wrong_type("rope_scaling", scaling, "an object");
  for (const auto& [name, value] : scaling.as_object()) {
    if (value.is_object()) {
      return make_error(ErrorCode::kUnsupported,
                        "RoPE differs by layer type ('{}'); that is not "
                        "built",
                        name);
    }
  }
  ASSIGN_OR_RETURN(const std::string old_type, read_string(scaling, "type", "default"));
  ASSIGN_OR_RETURN(const std::string type, read_string(scaling, "rope_type", old_type));
  ASSIGN_OR_RETURN(const double partial, read_real(scaling, "partial_rotary_factor", 1.0));
  if (partial != 1.0) {
    return make_error(ErrorCode::kUnsupported, "'partial_rotary_factor' is {}; only 1 is built",
                      partial);
  }
  if (type == "default") return {};
  if (type == "linear") {
    rope.scaling = RopeScaling::kLinear;
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::kLlama3;
  } else if (type == "yarn") {
    rope.scaling = RopeScaling::kYarn;
  } else {
    return make_error(ErrorCode::kUnsupported,
                      "RoPE scaling of type '{}' is not supported; default, linear, llama3 and "
                      "yarn are",
                      type);
  }
  ASSIGN_OR_RETURN(rope.factor, read_real(scaling, "factor"));
  if (rope.scaling == RopeScaling::kLinear) return {};
  // A value beside the scaling object wins over the one inside.
  constexpr std::string_view kOriginal = "original_max_position_embeddings";
  const Json& holder = present(config, kOriginal) != nullptr ? config : scaling;
  ASSIGN_OR_RETURN(const std::uint32_t context, read_count(config, "max_position_embeddings"));
  ASSIGN_OR_RETURN(rope.original_context, read_count(holder, kOriginal, context));
  if (rope.scaling == RopeScaling::kYarn) return read_yarn(scaling, rope);
  ASSIGN_OR_RETURN(rope.low_freq_factor, read_real(scaling, "low_freq_factor"));
  ASSIGN_OR_RETURN(rope.high_freq_factor, read_real(scaling, "high_freq_factor"));
  return {};
}

Result<RopeConfig> read_rope(const Json& config, std::uint32_t head_dim) {
  RopeConfig rope;
  rope.style = RopeStyle::kHalves;
  rope.dims = head_dim;
  ASSIGN_OR_RETURN(rope.theta, read_real(config, "rope_theta", 10000.0));
  const Json* source = present(config, "rope_scaling");
  if (source == nullptr || *source == Json(Json::Object())) {
    source = present(config, "rope_parameters");
  }
  if (source == nullptr) return rope;
  ASSIGN_OR_RETURN(rope.theta, read_real(*source, "rope_theta", rope.theta));
  RETURN_IF_ERROR(read_scaling(*source, config, rope));
  return rope;
}

}  // namespace

Result<ModelConfig> config_from_hf(const Json& config_json) {
  if (!config_json.is_object()) {
    return make_error(ErrorCode::kInvalid, "the configuration is of type {}; it must be an object",
                      config_json.type_name());
  }
  ASSIGN_OR_RETURN(const Family family, read_family(config_json));
  RETURN_IF_ERROR(refuse_unsupported(config_json));
  ModelConfig config;
  config.architecture = "llama";
  ASSIGN_OR_RETURN(config.vocab_size, read_count(config_json, "vocab_size"));
  ASSIGN_OR_RETURN(config.hidden_size, read_count(config_json, "hidden_size"));
  ASSIGN_OR_RETURN(config.intermediate_size, read_count(config_json, "intermediate_size"));
  ASSIGN_OR_RETURN(config.num_layers, read_count(config_json, "num_hidden_layers"));
  ASSIGN_OR_RETURN(config.num_heads, read_count(config_json, "num_attention_heads"));
  // An explicit null means as many as heads, whatever the family.
  const bool silent = config_json.find("num_key_value_heads") == nullptr;
  ASSIGN_OR_RETURN(
      config.num_kv_heads,
      read_count(config_json, "num_key_value_heads",
                 silent ? family.kv_heads.value_or(config.num_heads) : config.num_heads));
  const std::uint32_t even_split =
      config.num_heads == 0 ? 0 : config.hidden_size / config.num_heads;
  ASSIGN_OR_RETURN(config.head_dim, read_count(config_json, "head_dim", even_split));
  ASSIGN_OR_RETURN(config.context_length, read_count(config_json, "max_position_embeddings"));
  ASSIGN_OR_RETURN(const double epsilon, read_real(config_json, "rms_norm_eps", 1e-6));
  config.rms_norm_eps = static_cast<float>(epsilon);
  ASSIGN_OR_RETURN(config.tie_embeddings, read_bool(config_json, "tie_word_embeddings", false));
  RETURN_IF_ERROR(refuse_windows(config_json, family, config.context_length));
  ASSIGN_OR_RETURN(config.rope, read_rope(config_json, config.head_dim));
  RETURN_IF_ERROR(check_config(config));
  return config;
}

}  // namespace penstock::model
