#include "model/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "formats/dequantize.h"
#include "formats/gguf.h"
#include "tests/formats/gguf_writer.h"
#include "tests/formats/safetensors_writer.h"
#include "tests/model/tiny_model.h"

namespace penstock::model {
namespace {

using formats::DType;
using formats::TensorView;
using formats::testing::SafetensorsWriter;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempDir;
using testing::TinyModel;
using testing::TinyModelSpec;
using testing::TinyTensor;
using testing::write_file;
using text::Json;

std::vector<float> values_of(const TensorView& tensor) {
  std::vector<float> values(tensor.num_values());
  formats::dequantize_row(tensor.dtype, tensor.bytes, values);
  return values;
}

const TinyTensor& tiny_tensor(const TinyModel& model, std::string_view hf_name) {
  for (const TinyTensor& tensor : model.tensors()) {
    if (tensor.hf_name == hf_name) return tensor;
  }
  ADD_FAILURE() << "no tensor " << hf_name;
  return model.tensors().front();
}

class ModelFilesTest : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("XDG_CACHE_HOME", (dir_.path() / "cache").c_str(), 1); }
  [[nodiscard]] std::filesystem::path path(std::string_view name) const {
    return dir_.path() / name;
  }
  void expect_error(const Result<std::unique_ptr<ModelFiles>>& opened, ErrorCode code,
                    std::string_view text) {
    ASSERT_FALSE(opened) << "opened, expected: " << text;
    EXPECT_EQ(opened.error().code(), code) << opened.error().message();
    EXPECT_THAT(opened.error().message(), HasSubstr(std::string(text)));
    EXPECT_THAT(opened.error().message(), HasSubstr(dir_.path().string()));
  }
  // A directory whose configuration has one more member.
  Result<std::unique_ptr<ModelFiles>> open_with(std::string name, Json value) {
    const TinyModel model({});
    model.write_hf(path("hf"));
    Json::Object config = model.config_json();
    config.set(std::move(name), std::move(value));
    write_file(path("hf") / "config.json", text::to_json(Json(std::move(config))));
    return ModelFiles::open(path("hf"));
  }

  TempDir dir_;
};

TEST_F(ModelFilesTest, a_directory_and_a_gguf_file_of_one_model_agree) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0, DType::kQ4_1}) {
    const TinyModel model({.dtype = dtype});
    model.write_hf(path("hf"));
    model.write_gguf(path("tiny.gguf"));
    const auto hf = ModelFiles::open(path("hf"));
    ASSERT_TRUE(hf) << hf.error().message();
    const auto gguf = ModelFiles::open(path("tiny.gguf"));
    ASSERT_TRUE(gguf) << gguf.error().message();
    for (const auto* files : {hf->get(), gguf->get()}) {
      const ModelConfig& config = files->config();
      EXPECT_EQ(config.architecture, "llama");
      EXPECT_EQ(config.vocab_size, 320U);
      EXPECT_EQ(config.hidden_size, 64U);
      EXPECT_EQ(config.intermediate_size, 160U);
      EXPECT_EQ(config.num_layers, 2U);
      EXPECT_EQ(config.num_heads, 4U);
      EXPECT_EQ(config.num_kv_heads, 2U);
      EXPECT_EQ(config.head_dim, 16U);
      EXPECT_EQ(config.context_length, 512U);
      EXPECT_FLOAT_EQ(config.rms_norm_eps, 1e-5F);
      EXPECT_FALSE(config.tie_embeddings);
      EXPECT_EQ(files->weights().layers.size(), 2U);
      EXPECT_EQ(values_of(*files->weights().layers[1].down),
                tiny_tensor(model, "model.layers.1.mlp.down_proj.weight").values());
      EXPECT_EQ(values_of(*files->weights().layers[0].mlp_norm),
                tiny_tensor(model, "model.layers.0.post_attention_layernorm.weight").values());
      EXPECT_EQ(values_of(*files->weights().head), tiny_tensor(model, "lm_head.weight").values());
    }
    EXPECT_EQ((*hf)->config().rope.style, RopeStyle::kHalves);
    EXPECT_EQ((*gguf)->config().rope.style, RopeStyle::kInterleaved);
    EXPECT_EQ((*hf)->gguf(), nullptr);
    EXPECT_NE((*gguf)->gguf(), nullptr);
  }
}

TEST_F(ModelFilesTest, the_rows_of_query_heads_are_interleaved_in_gguf_only) {
  const TinyModel model({});
  model.write_gguf(path("tiny.gguf"));
  const auto files = ModelFiles::open(path("tiny.gguf"));
  ASSERT_TRUE(files) << files.error().message();
  const auto stored = values_of(*(*files)->weights().layers[0].q);
  const auto original = tiny_tensor(model, "model.layers.0.self_attn.q_proj.weight").values();
  const auto row = [](const std::vector<float>& values, std::size_t number) {
    return std::vector<float>(values.begin() + static_cast<std::ptrdiff_t>(number * 64),
                              values.begin() + static_cast<std::ptrdiff_t>((number + 1) * 64));
  };
  EXPECT_EQ(row(stored, 16 + 0), row(original, 16 + 0));
  EXPECT_EQ(row(stored, 16 + 1), row(original, 16 + 8));
  EXPECT_EQ(row(stored, 16 + 6), row(original, 16 + 3));
  EXPECT_EQ(row(stored, 16 + 15), row(original, 16 + 15));
}

TEST_F(ModelFilesTest, a_tied_head_is_the_embedding) {
  const TinyModel model({.tie_embeddings = true});
  model.write_hf(path("hf"));
  model.write_gguf(path("tiny.gguf"));
  for (const auto& name : {"hf", "tiny.gguf"}) {
    const auto files = ModelFiles::open(path(name));
    ASSERT_TRUE(files) << files.error().message();
    EXPECT_TRUE((*files)->config().tie_embeddings);
    EXPECT_EQ((*files)->weights().head, (*files)->weights().embedding);
  }
}

TEST_F(ModelFilesTest, shards_are_one_model) {
  const TinyModel model({.num_shards = 3});
  model.write_hf(path("hf"));
  const auto files = ModelFiles::open(path("hf"));
  ASSERT_TRUE(files) << files.error().message();
  for (const char* name : {"model.embed_tokens.weight", "model.layers.1.mlp.down_proj.weight"}) {
    SCOPED_TRACE(name);
    const TinyTensor& expected = tiny_tensor(model, name);
    const TensorView* found = expected.hf_name.ends_with("down_proj.weight")
                                  ? (*files)->weights().layers[1].down
                                  : (*files)->weights().embedding;
    EXPECT_EQ(values_of(*found), expected.values());
  }
  std::filesystem::remove(path("hf") / "model-00002-of-00003.safetensors");
  expect_error(ModelFiles::open(path("hf")), ErrorCode::kNotFound, "model-00002-of-00003");
}

TEST_F(ModelFilesTest, an_index_that_lies_is_refused) {
  const TinyModel model({.num_shards = 2});
  model.write_hf(path("hf"));
  const auto index = path("hf") / "model.safetensors.index.json";
  write_file(index,
             R"({"weight_map": {"lm_head.weight": "../hf/model-00001-of-00002.safetensors"}})");
  expect_error(ModelFiles::open(path("hf")), ErrorCode::kInvalid, "a plain file name");
  write_file(index, R"({"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors",
                        "model.norm.weight": "model-00002-of-00002.safetensors"}})");
  expect_error(ModelFiles::open(path("hf")), ErrorCode::kInvalid,
               "'lm_head.weight' is not in model-00001");
}

TEST_F(ModelFilesTest, split_gguf_files_are_one_model) {
  const TinyModel model({});
  formats::testing::GgufWriter head;
  formats::testing::GgufWriter tail;
  model.write_gguf(path("whole.gguf"));
  const auto whole = formats::GgufFile::open(path("whole.gguf"));
  ASSERT_TRUE(whole) << whole.error().message();
  model.fill_gguf_metadata(head);
  for (auto* part : {&head, &tail}) {
    part->add_scalar<std::uint16_t>("split.no", 2, part == &tail ? 1 : 0);
    part->add_scalar<std::uint16_t>("split.count", 2, 2);
    part->add_scalar<std::int32_t>("split.tensors.count", 5,
                                   static_cast<std::int32_t>(whole->tensors().size()));
  }
  for (std::size_t i = 0; i < whole->tensors().size(); ++i) {
    const TensorView& tensor = whole->tensors()[i];
    (i < 3 ? head : tail)
        .add_tensor(tensor.name, tensor.dtype, tensor.shape,
                    {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
  }
  write_file(path("t-00001-of-00002.gguf"), head.finish());
  expect_error(ModelFiles::open(path("t-00001-of-00002.gguf")), ErrorCode::kNotFound,
               "t-00002-of-00002.gguf");
  write_file(path("t-00002-of-00002.gguf"), tail.finish());
  const auto files = ModelFiles::open(path("t-00001-of-00002.gguf"));
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(values_of(*(*files)->weights().head), tiny_tensor(model, "lm_head.weight").values());
  expect_error(ModelFiles::open(path("t-00002-of-00002.gguf")), ErrorCode::kInvalid,
               "open the first, whose name ends in '-00001-of-00002.gguf'");
  write_file(path("t-00002-of-00002.gguf"), head.finish());
  expect_error(ModelFiles::open(path("t-00001-of-00002.gguf")), ErrorCode::kInvalid,
               "part 1 of 2; it must be 2 of 2");
}

TEST_F(ModelFilesTest, generation_defaults_come_from_their_file) {
  const TinyModel model({});
  model.write_hf(path("hf"));
  auto files = ModelFiles::open(path("hf"));
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ((*files)->generation_defaults().temperature, 0.6);
  EXPECT_EQ((*files)->generation_defaults().top_p, 0.9);
  EXPECT_EQ((*files)->generation_defaults().top_k, std::nullopt);
  EXPECT_THAT((*files)->generation_defaults().eos_token_ids, ElementsAre(2));
  const auto file = path("hf") / "generation_config.json";
  write_file(file, R"({"eos_token_id": [7, 8], "top_k": 40, "repetition_penalty": 1.1})");
  files = ModelFiles::open(path("hf"));
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ((*files)->generation_defaults().top_k, 40);
  EXPECT_EQ((*files)->generation_defaults().repetition_penalty, 1.1);
  EXPECT_THAT((*files)->generation_defaults().eos_token_ids, ElementsAre(7, 8));
  for (const auto& [text, complaint] : std::vector<std::pair<std::string, std::string>>{
           {R"({"temperature": "hot"})", "'temperature' is of type string"},
           {R"({"top_p": 0})", "'top_p' is 0"},
           {R"({"top_k": -2})", "'top_k'"},
           {R"({"eos_token_id": [-1]})", "'eos_token_id'"},
           {"{", "generation_config.json"}}) {
    write_file(file, text);
    expect_error(ModelFiles::open(path("hf")), ErrorCode::kInvalid, complaint);
  }
  std::filesystem::remove(file);
  files = ModelFiles::open(path("hf"));
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_THAT((*files)->generation_defaults().eos_token_ids, ElementsAre(2));
}

TEST_F(ModelFilesTest, refuses_tensors_that_are_missing_misshapen_or_of_another_type) {
  const TinyModel model({});
  model.write_hf(path("hf"));
  const auto weights = path("hf") / "model.safetensors";
  const auto without = [&](std::string_view left_out, std::string_view dtype,
                           std::vector<std::uint64_t> shape, std::string bytes) {
    SafetensorsWriter writer;
    for (const TinyTensor& tensor : model.tensors()) {
      if (tensor.hf_name != left_out) {
        writer.add_tensor(tensor.hf_name, "F32", tensor.shape, tensor.bytes);
      } else if (!shape.empty()) {
        writer.add_tensor(tensor.hf_name, dtype, shape, bytes);
      }
    }
    write_file(weights, writer.finish());
    return ModelFiles::open(path("hf"));
  };
  constexpr std::string_view kName = "model.layers.1.input_layernorm.weight";
  expect_error(without(kName, "F32", {}, ""), ErrorCode::kInvalid,
               "tensor 'model.layers.1.input_layernorm.weight' is missing");
  expect_error(without(kName, "F32", {2, 32}, std::string(256, '\0')), ErrorCode::kInvalid,
               "has the shape [2, 32]; it must be [64]");
  expect_error(without(kName, "F64", {64}, std::string(512, '\0')), ErrorCode::kUnsupported,
               "'model.layers.1.input_layernorm.weight' has the type F64");
}

TEST_F(ModelFilesTest, refuses_left_over_tensors_that_would_change_the_computation) {
  const TinyModel model({});
  model.write_hf(path("hf"));
  const auto with = [&](std::string_view extra) {
    SafetensorsWriter writer;
    for (const TinyTensor& tensor : model.tensors()) {
      writer.add_tensor(tensor.hf_name, "F32", tensor.shape, tensor.bytes);
    }
    writer.add_tensor(extra, "F32", {1}, "1234");
    write_file(path("hf") / "model.safetensors", writer.finish());
    return ModelFiles::open(path("hf"));
  };
  for (const std::string name :
       {"model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.q_norm.weight",
        "model.layers.2.input_layernorm.weight", "lm_head.bias"}) {
    expect_error(with(name), ErrorCode::kUnsupported, name);
  }
  EXPECT_TRUE(with("model.layers.0.self_attn.rotary_emb.inv_freq"));
  EXPECT_TRUE(with("vision_tower.patch"));
}

TEST_F(ModelFilesTest, what_is_not_a_model_is_named) {
  expect_error(ModelFiles::open(path("absent")), ErrorCode::kNotFound, "No such file");
  std::filesystem::create_directories(path("empty"));
  expect_error(ModelFiles::open(path("empty")), ErrorCode::kNotFound, "config.json");
  write_file(path("notes.txt"), "hello");
  expect_error(ModelFiles::open(path("notes.txt")), ErrorCode::kInvalid, "not a GGUF file");
  const TinyModel model({});
  model.write_hf(path("hf"));
  std::filesystem::remove(path("hf") / "model.safetensors");
  expect_error(ModelFiles::open(path("hf")), ErrorCode::kNotFound, "converted to safetensors");
}

TEST_F(ModelFilesTest, refuses_a_configuration_with_fields_that_are_not_built) {
  expect_error(open_with("attention_bias", true), ErrorCode::kUnsupported, "'attention_bias'");
  expect_error(open_with("sliding_window", 128), ErrorCode::kUnsupported, "'sliding_window'");
  EXPECT_TRUE(open_with("sliding_window", 512));
  EXPECT_TRUE(open_with("use_cache", true));
}

TEST_F(ModelFilesTest, reads_companions_up_to_a_limit) {
  const TinyModel model({});
  model.write_hf(path("hf"));
  model.write_gguf(path("tiny.gguf"));
  write_file(path("hf") / "tokenizer.json", "{}");
  const auto files = ModelFiles::open(path("hf"));
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ((*files)->read_file("tokenizer.json", 2).value(), "{}");
  EXPECT_EQ((*files)->read_file("tokenizer.json", 1).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ((*files)->read_file("chat_template.jinja", 1).error().code(), ErrorCode::kNotFound);
  const auto gguf = ModelFiles::open(path("tiny.gguf"));
  ASSERT_TRUE(gguf) << gguf.error().message();
  EXPECT_EQ((*gguf)->read_file("tokenizer.json", 9).error().code(), ErrorCode::kNotFound);
}

TEST_F(ModelFilesTest, the_digest_follows_every_byte_of_weights_and_configuration) {
  const TinyModel model({});
  model.write_hf(path("a"));
  model.write_hf(path("b"));
  const auto digest = [&](std::string_view name) {
    const auto files = ModelFiles::open(path(name));
    return files ? (*files)->compute_digest() : files.error().message();
  };
  EXPECT_THAT(digest("a"), ::testing::MatchesRegex("sha256:[0-9a-f]{64}"));
  EXPECT_EQ(digest("a"), digest("b"));
  Json::Object config = model.config_json();
  config.set("_name_or_path", "somewhere");
  write_file(path("b") / "config.json", text::to_json(Json(config)));
  EXPECT_EQ(digest("a"), digest("b")) << "a remark changed it";
  config.set("rope_theta", 10001);
  write_file(path("b") / "config.json", text::to_json(Json(config)));
  EXPECT_NE(digest("a"), digest("b"));
  model.write_hf(path("b"));
  std::string weights = model.safetensors_bytes();
  weights.back() = static_cast<char>(weights.back() ^ 1);
  write_file(path("b") / "model.safetensors", weights);
  EXPECT_NE(digest("a"), digest("b"));
  // Sharding moves no byte of a tensor.
  const TinyModel sharded({.num_shards = 3});
  sharded.write_hf(path("c"));
  EXPECT_EQ(digest("a"), digest("c"));
}

TEST_F(ModelFilesTest, opens_the_real_model) {
  const char* file = std::getenv("PENSTOCK_TEST_MODEL");
  if (file == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_MODEL is not set: no real model was read";
  const auto files = ModelFiles::open(file);
  ASSERT_TRUE(files) << files.error().message();
  const ModelConfig& config = (*files)->config();
  EXPECT_EQ(config.num_layers, 30U);
  EXPECT_EQ(config.hidden_size, 576U);
  EXPECT_EQ(config.num_heads, 9U);
  EXPECT_EQ(config.num_kv_heads, 3U);
  EXPECT_EQ(config.vocab_size, 49152U);
  EXPECT_TRUE(config.tie_embeddings);
  EXPECT_EQ((*files)->weights().layers[0].q->dtype, DType::kQ4_1);
  EXPECT_THAT((*files)->compute_digest(), ::testing::StartsWith("sha256:"));
}

}  // namespace
}  // namespace penstock::model
