#include "model/weight_map.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace penstock::model {
namespace {

using formats::TensorView;

enum class Dim : unsigned char { kOne, kHidden, kIntermediate, kQuery, kKeyValue };

std::uint64_t size_of(Dim dim, const ModelConfig& config) {
  switch (dim) {
    case Dim::kOne:
      return 1;
    case Dim::kHidden:
      return config.hidden_size;
    case Dim::kIntermediate:
      return config.intermediate_size;
    case Dim::kQuery:
      return std::uint64_t{config.num_heads} * config.head_dim;
    case Dim::kKeyValue:
      return std::uint64_t{config.num_kv_heads} * config.head_dim;
  }
  return 0;
}

// One weight of a layer. `in` is kOne for a vector.
struct Slot {
  const TensorView* LayerWeights::* member;
  std::string_view hf_name;
  std::string_view gguf_name;
  Dim out;
  Dim in;
};

constexpr std::array<Slot, 9> kSlots = {{
    {&LayerWeights::attention_norm, "input_layernorm", "attn_norm", Dim::kHidden, Dim::kOne},
    {&LayerWeights::q, "self_attn.q_proj", "attn_q", Dim::kQuery, Dim::kHidden},
    {&LayerWeights::k, "self_attn.k_proj", "attn_k", Dim::kKeyValue, Dim::kHidden},
    {&LayerWeights::v, "self_attn.v_proj", "attn_v", Dim::kKeyValue, Dim::kHidden},
    {&LayerWeights::o, "self_attn.o_proj", "attn_output", Dim::kHidden, Dim::kQuery},
    {&LayerWeights::mlp_norm, "post_attention_layernorm", "ffn_norm", Dim::kHidden, Dim::kOne},
    {&LayerWeights::gate, "mlp.gate_proj", "ffn_gate", Dim::kIntermediate, Dim::kHidden},
    {&LayerWeights::up, "mlp.up_proj", "ffn_up", Dim::kIntermediate, Dim::kHidden},
    {&LayerWeights::down, "mlp.down_proj", "ffn_down", Dim::kHidden, Dim::kIntermediate},
}};

Result<const TensorView*> take_vector(TensorTable& tensors, std::string_view name,
                                      std::uint64_t size) {
  const std::array<std::uint64_t, 1> shape = {size};
  ASSIGN_OR_RETURN(const TensorView* tensor, tensors.take(name, shape));
  if (formats::info(tensor->dtype).block_values != 1) {
    return make_error(ErrorCode::kUnsupported,
                      "tensor '{}' is of type {}; a norm must be F32, F16 or BF16", name,
                      formats::info(tensor->dtype).name);
  }
  return tensor;
}

Result<const TensorView*> take_matrix(TensorTable& tensors, std::string_view name,
                                      std::uint64_t rows, std::uint64_t columns) {
  const std::array<std::uint64_t, 2> shape = {rows, columns};
  return tensors.take(name, shape);
}

Result<LayerWeights> map_layer(const ModelConfig& config, WeightNames names, std::uint32_t layer,
                               TensorTable& tensors) {
  LayerWeights weights;
  for (const Slot& slot : kSlots) {
    const std::string name = names == WeightNames::kGguf
                                 ? format("blk.{}.{}.weight", layer, slot.gguf_name)
                                 : format("model.layers.{}.{}.weight", layer, slot.hf_name);
    const std::uint64_t rows = size_of(slot.out, config);
    if (slot.in == Dim::kOne) {
      ASSIGN_OR_RETURN(weights.*slot.member, take_vector(tensors, name, rows));
    } else {
      ASSIGN_OR_RETURN(weights.*slot.member,
                       take_matrix(tensors, name, rows, size_of(slot.in, config)));
    }
  }
  return weights;
}

// Left over, and yet without influence: tables that are computed here, the copy of a tied head.
bool is_harmless(std::string_view name, const ModelConfig& config) {
  return name.ends_with("rotary_emb.inv_freq") || name == "rope_freqs.weight" ||
         (config.tie_embeddings && name == "lm_head.weight");
}

bool is_part_of_computation(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kPrefixes = {"model.", "lm_head.", "blk.",
                                                                "output", "token_",   "rope_"};
  return name.ends_with(".bias") ||
         std::ranges::any_of(kPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

Status check_rest(const ModelConfig& config, const TensorTable& tensors) {
  for (const std::string_view name : tensors.untaken()) {
    if (!is_harmless(name, config) && is_part_of_computation(name)) {
      return make_error(ErrorCode::kUnsupported,
                        "tensor '{}' is not part of a {} model of {} layers as this build "
                        "computes it",
                        name, config.architecture, config.num_layers);
    }
    log_debug("tensor '{}' is not used", name);
  }
  return {};
}

}  // namespace

Result<ModelWeights> map_weights(const ModelConfig& config, WeightNames names,
                                 TensorTable& tensors) {
  const bool gguf = names == WeightNames::kGguf;
  ModelWeights weights;
  ASSIGN_OR_RETURN(weights.embedding,
                   take_matrix(tensors, gguf ? "token_embd.weight" : "model.embed_tokens.weight",
                               config.vocab_size, config.hidden_size));
  ASSIGN_OR_RETURN(
      weights.final_norm,
      take_vector(tensors, gguf ? "output_norm.weight" : "model.norm.weight", config.hidden_size));
  weights.head = weights.embedding;
  if (!config.tie_embeddings) {
    ASSIGN_OR_RETURN(weights.head, take_matrix(tensors, gguf ? "output.weight" : "lm_head.weight",
                                               config.vocab_size, config.hidden_size));
  }
  for (std::uint32_t i = 0; i < config.num_layers; ++i) {
    ASSIGN_OR_RETURN(LayerWeights layer, map_layer(config, names, i, tensors));
    weights.layers.push_back(layer);
  }
  RETURN_IF_ERROR(check_rest(config, tensors));
  return weights;
}

}  // namespace penstock::model
