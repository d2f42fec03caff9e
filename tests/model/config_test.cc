#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "formats/gguf.h"
#include "tests/formats/gguf_writer.h"
#include "tests/model/tiny_model.h"

namespace penstock::model {
namespace {

using formats::DType;
using formats::GgufFile;
using formats::testing::GgufWriter;
using ::testing::HasSubstr;
using testing::TinyModel;
using text::Json;

Json::Object base() {
  return TinyModel({}).config_json();
}

Result<ModelConfig> with(std::string name, Json value) {
  Json::Object config = base();
  config.set(std::move(name), std::move(value));
  return config_from_hf(Json(std::move(config)));
}

Json json(std::string_view text) {
  return text::parse_json(text).value();
}

void expect_refused(const Result<ModelConfig>& config, ErrorCode code, std::string_view text) {
  ASSERT_FALSE(config) << "accepted, expected: " << text;
  EXPECT_EQ(config.error().code(), code) << config.error().message();
  EXPECT_THAT(config.error().message(), HasSubstr(std::string(text)));
}

TEST(HfConfig, silence_means_what_the_class_assumes) {
  Json::Object config = base();
  for (const char* name : {"head_dim", "num_key_value_heads", "rope_theta", "rope_scaling",
                           "tie_word_embeddings", "rms_norm_eps", "hidden_act"}) {
    config.erase(name);
  }
  const auto parsed = config_from_hf(Json(config));
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->head_dim, 16U);
  EXPECT_EQ(parsed->num_kv_heads, 4U);
  EXPECT_EQ(parsed->rope.theta, 10000.0);
  EXPECT_EQ(parsed->rope.scaling, RopeScaling::kNone);
  EXPECT_FALSE(parsed->tie_embeddings);
  EXPECT_FLOAT_EQ(parsed->rms_norm_eps, 1e-6F);
}

TEST(HfConfig, mistral_is_llama_when_it_has_no_window) {
  Json::Object config = base();
  config.set("architectures", Json::Array{Json("MistralForCausalLM")});
  config.set("sliding_window", nullptr);
  EXPECT_TRUE(config_from_hf(Json(config)));
  // Without the member the class assumes a window of 4096, and 8 KV heads.
  config.erase("sliding_window");
  EXPECT_TRUE(config_from_hf(Json(config))) << "the context of 512 is inside the window";
  config.set("max_position_embeddings", 32768);
  expect_refused(config_from_hf(Json(config)), ErrorCode::kUnsupported,
                 "'sliding_window' is 4096 in a context of 32768");
  config.set("sliding_window", nullptr);
  config.erase("num_key_value_heads");
  config.set("num_attention_heads", 16);
  const auto parsed = config_from_hf(Json(config));
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->num_kv_heads, 8U);
}

TEST(HfConfig, other_architectures_are_refused_by_name) {
  for (const char* name :
       {"Qwen2ForCausalLM", "MixtralForCausalLM", "LlamaForSequenceClassification"}) {
    expect_refused(with("architectures", Json::Array{Json(name)}), ErrorCode::kUnsupported, name);
  }
  expect_refused(with("architectures", Json::Array{}), ErrorCode::kInvalid, "'architectures'");
  Json::Object config = base();
  config.erase("architectures");
  EXPECT_TRUE(config_from_hf(Json(config))) << "model_type says llama";
  config.set("model_type", "gemma2");
  expect_refused(config_from_hf(Json(config)), ErrorCode::kUnsupported, "'gemma2'");
  config.erase("model_type");
  expect_refused(config_from_hf(Json(config)), ErrorCode::kInvalid, "neither 'architectures'");
}

TEST(HfConfig, what_would_change_the_computation_is_refused_by_name) {
  const std::vector<std::pair<std::string, Json>> fields = {
      {"attention_bias", true},
      {"mlp_bias", true},
      {"hidden_act", "gelu"},
      {"sliding_window", 16},
      {"partial_rotary_factor", 0.5},
      {"rope_interleaved", true},
      {"num_local_experts", 8},
      {"quantization_config", Json::Object{{"quant_method", "gptq"}}},
      {"final_logit_softcapping", 30.0},
      {"layer_types", Json::Array{Json("full_attention"), Json("sliding_attention")}},
      {"logits_scaling", 8},
  };
  for (const auto& [name, value] : fields) {
    expect_refused(with(name, value), ErrorCode::kUnsupported, name);
  }
  EXPECT_TRUE(with("rope_interleaved", false));
  EXPECT_TRUE(with("partial_rotary_factor", 1.0));
  EXPECT_TRUE(with("layer_types", Json::Array{Json("full_attention"), Json("full_attention")}));
}

TEST(HfConfig, rope_scalings_that_are_not_built_are_refused_by_name) {
  for (const char* scaling :
       {R"({"type":"dynamic","factor":2.0})", R"({"rope_type":"longrope","factor":2.0})",
        R"({"rope_type":"proportional"})"}) {
    expect_refused(with("rope_scaling", json(scaling)), ErrorCode::kUnsupported, "of type '");
  }
  expect_refused(with("rope_scaling", json(R"({"rope_type":"linear"})")), ErrorCode::kInvalid,
                 "'factor' is missing");
  expect_refused(with("rope_scaling", json(R"({"rope_type":"linear","factor":0})")),
                 ErrorCode::kInvalid, "factor is 0");
  expect_refused(with("rope_scaling", json(R"({"rope_type":"yarn","factor":0.5})")),
                 ErrorCode::kInvalid, "factor is 0.5");
  expect_refused(with("rope_scaling", json(R"({"rope_type":"llama3","factor":8})")),
                 ErrorCode::kInvalid, "'low_freq_factor' is missing");
  expect_refused(
      with("rope_scaling",
           json(R"({"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4})")),
      ErrorCode::kInvalid, "must be above low_freq_factor");
  expect_refused(with("rope_scaling", json(R"({"partial_rotary_factor":0.25})")),
                 ErrorCode::kUnsupported, "'partial_rotary_factor'");
  expect_refused(with("rope_parameters", json(R"({"full_attention":{"rope_type":"default"}})")),
                 ErrorCode::kUnsupported, "layer type ('full_attention')");
  expect_refused(with("rope_scaling", "linear"), ErrorCode::kInvalid, "rope_scaling");
}

TEST(HfConfig, an_empty_old_style_scaling_does_not_hide_the_new_style) {
  Json::Object config = base();
  config.set("rope_scaling", Json::Object());
  config.set("rope_parameters", json(R"({"rope_type":"linear","factor":2,"rope_theta":5000})"));
  const auto parsed = config_from_hf(Json(config));
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(parsed->rope.theta, 5000.0);
}

TEST(HfConfig, values_outside_sane_limits_are_refused_by_name) {
  const auto refuses = [](std::string name, Json value, std::string_view text) {
    expect_refused(with(std::move(name), std::move(value)), ErrorCode::kInvalid, text);
  };
  refuses("vocab_size", 0, "the vocabulary size is 0");
  refuses("vocab_size", nullptr, "'vocab_size' is missing");
  refuses("vocab_size", "many", "'vocab_size' is of type string");
  refuses("vocab_size", -1, "'vocab_size' is -1");
  refuses("vocab_size", 1e300, "'vocab_size' is 1e+300");
  refuses("vocab_size", 2.5, "'vocab_size' is of type number");
  refuses("hidden_size", 4294967295U, "the hidden size is 4294967295");
  refuses("num_hidden_layers", 100000, "the number of layers is 100000");
  refuses("num_attention_heads", 0, "the number of heads is 0");
  refuses("num_key_value_heads", 3, "4 heads cannot share 3 KV heads");
  refuses("num_key_value_heads", 0, "the number of KV heads is 0");
  refuses("head_dim", 15, "the head size is 15");
  refuses("head_dim", 2048, "the head size is 2048");
  refuses("max_position_embeddings", 0, "the context length is 0");
  refuses("rms_norm_eps", 0.0, "the RMS norm epsilon is 0");
  refuses("rms_norm_eps", 2.0, "the RMS norm epsilon is 2");
  refuses("rope_theta", 0.5, "the RoPE theta is 0.5");
  refuses("rope_theta", -1e4, "the RoPE theta is -10000");
  refuses("tie_word_embeddings", 1, "'tie_word_embeddings' is of type integer");
  EXPECT_TRUE(with("vocab_size", 320.0)) << "a whole number written as a float";
  expect_refused(config_from_hf(Json(3)), ErrorCode::kInvalid, "of type integer");
}

// Metadata of the tiny model with changes, and the one tensor that the configuration looks at.
struct GgufCase {
  std::string bytes;
  explicit GgufCase(const std::function<void(GgufWriter&)>& change, bool metadata = true) {
    GgufWriter writer;
    change(writer);
    if (metadata) TinyModel({}).fill_gguf_metadata(writer);
    writer.add_tensor("token_embd.weight", DType::kQ8_0, {320, 64}, std::string(320 * 68, '\0'));
    bytes = writer.finish();
  }
  [[nodiscard]] Result<ModelConfig> config() const {
    ASSIGN_OR_RETURN(const GgufFile file, GgufFile::parse(std::as_bytes(std::span(bytes))));
    return config_from_gguf(file);
  }
};

Result<ModelConfig> gguf_with(const std::function<void(GgufWriter&)>& change) {
  return GgufCase(change).config();
}

TEST(GgufConfig, the_head_is_tied_when_there_is_none) {
  const auto config = gguf_with([](GgufWriter&) {});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_TRUE(config->tie_embeddings);
  EXPECT_EQ(config->rope.style, RopeStyle::kInterleaved);
  EXPECT_EQ(config->vocab_size, 320U);
}

TEST(GgufConfig, other_architectures_are_refused_by_name) {
  const GgufCase other([](GgufWriter& w) { w.add_string("general.architecture", "qwen2"); }, false);
  expect_refused(other.config(), ErrorCode::kUnsupported, "'qwen2'");
  const GgufCase none([](GgufWriter&) {}, false);
  expect_refused(none.config(), ErrorCode::kNotFound, "'general.architecture'");
  const GgufCase bare([](GgufWriter& w) { w.add_string("general.architecture", "llama"); }, false);
  expect_refused(bare.config(), ErrorCode::kNotFound, "'llama.context_length'");
}

TEST(GgufConfig, rope_scalings_are_read) {
  const auto linear = gguf_with([](GgufWriter& w) {
    w.add_string("llama.rope.scaling.type", "linear");
    w.add_f32("llama.rope.scaling.factor", 4.0F);
  });
  ASSERT_TRUE(linear) << linear.error().message();
  EXPECT_EQ(linear->rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(linear->rope.factor, 4.0);
  const auto old_linear =
      gguf_with([](GgufWriter& w) { w.add_f32("llama.rope.scale_linear", 2.0F); });
  ASSERT_TRUE(old_linear) << old_linear.error().message();
  EXPECT_EQ(old_linear->rope.factor, 2.0);
  const auto yarn = gguf_with([](GgufWriter& w) {
    w.add_string("llama.rope.scaling.type", "yarn");
    w.add_f32("llama.rope.scaling.factor", 4.0F);
    w.add_u32("llama.rope.scaling.original_context_length", 128);
    w.add_f32("llama.rope.scaling.attn_factor", 0.5F);
  });
  ASSERT_TRUE(yarn) << yarn.error().message();
  EXPECT_EQ(yarn->rope.scaling, RopeScaling::kYarn);
  EXPECT_EQ(yarn->rope.original_context, 128U);
  EXPECT_DOUBLE_EQ(*yarn->rope.attention_factor, 0.5 * (0.1 * std::log(4.0) + 1.0));
  const auto none = gguf_with([](GgufWriter& w) {
    w.add_string("llama.rope.scaling.type", "none");
    w.add_f32("llama.rope.scaling.factor", 4.0F);
  });
  ASSERT_TRUE(none) << none.error().message();
  EXPECT_EQ(none->rope.scaling, RopeScaling::kNone);
  expect_refused(
      gguf_with([](GgufWriter& w) { w.add_string("llama.rope.scaling.type", "longrope"); }),
      ErrorCode::kUnsupported, "'longrope'");
}

TEST(GgufConfig, frequency_factors_come_from_their_tensor) {
  const auto config = gguf_with([](GgufWriter& w) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) GgufWriter::put(bytes, 1.0F + static_cast<float>(i));
    w.add_tensor("rope_freqs.weight", DType::kF32, {8}, bytes);
  });
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->rope.frequency_factors.size(), 8U);
  EXPECT_EQ(config->rope.frequency_factors[7], 8.0F);
  expect_refused(gguf_with([](GgufWriter& w) {
                   w.add_tensor("rope_freqs.weight", DType::kF32, {4}, std::string(16, '\1'));
                 }),
                 ErrorCode::kInvalid, "'rope_freqs.weight' must hold 8 F32 values");
  expect_refused(gguf_with([](GgufWriter& w) {
                   w.add_tensor("rope_freqs.weight", DType::kF32, {8}, std::string(32, '\0'));
                 }),
                 ErrorCode::kInvalid, "a RoPE frequency factor is 0");
}

TEST(GgufConfig, what_would_change_the_computation_is_refused_by_name) {
  const auto refuses = [](const std::function<void(GgufWriter&)>& change, std::string_view text) {
    expect_refused(gguf_with(change), ErrorCode::kUnsupported, text);
  };
  refuses([](GgufWriter& w) { w.add_u32("llama.expert_count", 8); }, "'llama.expert_count' is 8");
  refuses([](GgufWriter& w) { w.add_f32("llama.logit_scale", 0.5F); }, "'llama.logit_scale'");
  refuses([](GgufWriter& w) { w.add_bool("llama.attention.causal", false); }, "causal");
  refuses([](GgufWriter& w) { w.add_u32("llama.attention.sliding_window", 64); },
          "'llama.attention.sliding_window' is 64");
  EXPECT_TRUE(gguf_with([](GgufWriter& w) { w.add_u32("llama.expert_count", 0); }));
}

TEST(GgufConfig, counts_per_layer_are_read_when_all_are_equal) {
  const auto config = [](std::uint32_t second) {
    GgufWriter writer;
    writer.add_string("general.architecture", "llama");
    for (const auto& [name, value] :
         std::vector<std::pair<const char*, std::uint32_t>>{{"context_length", 512},
                                                            {"embedding_length", 64},
                                                            {"block_count", 2},
                                                            {"feed_forward_length", 160},
                                                            {"attention.head_count", 4}}) {
      writer.add_u32(std::string("llama.") + name, value);
    }
    writer.add_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
    std::string list;
    GgufWriter::put<std::uint32_t>(list, 4);
    GgufWriter::put<std::uint64_t>(list, 2);
    GgufWriter::put<std::uint32_t>(list, 2);
    GgufWriter::put<std::uint32_t>(list, second);
    writer.add_raw("llama.attention.head_count_kv", 9, list);
    writer.add_tensor("token_embd.weight", DType::kQ8_0, {320, 64}, std::string(320 * 68, '\0'));
    const std::string bytes = writer.finish();
    const auto file = GgufFile::parse(std::as_bytes(std::span(bytes)));
    return file ? config_from_gguf(*file) : std::unexpected<Error>(file.error());
  };
  const auto equal = config(2);
  ASSERT_TRUE(equal) << equal.error().message();
  EXPECT_EQ(equal->num_kv_heads, 2U);
  expect_refused(config(4), ErrorCode::kUnsupported, "differs between layers");
}

TEST(GgufConfig, the_tokenizer_may_not_have_more_tokens_than_the_model) {
  expect_refused(gguf_with([](GgufWriter& w) {
                   w.add_strings("tokenizer.ggml.tokens", std::vector<std::string>(321, "t"));
                 }),
                 ErrorCode::kInvalid, "the tokenizer has 321 tokens, the model 320");
}

}  // namespace
}  // namespace penstock::model
