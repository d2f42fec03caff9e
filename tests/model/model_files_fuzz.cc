// Damaged models on disk: one clear error that names the path, or a model whose every weight is in
// bounds. Deterministic; PENSTOCK_FUZZ_ROUNDS multiplies the iterations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/log.h"
#include "formats/dequantize.h"
#include "formats/gguf.h"
#include "model/model_files.h"
#include "tests/formats/allocation_watch.h"
#include "tests/formats/mutator.h"
#include "tests/formats/safetensors_writer.h"
#include "tests/model/tiny_model.h"

namespace penstock::model {
namespace {

using formats::TensorView;
using formats::testing::Mutator;
using formats::testing::SafetensorsWriter;
using testing::TempDir;
using testing::TinyModel;
using testing::TinyModelSpec;
using testing::write_file;

// Models here have a few thousand bytes.
constexpr std::size_t kMaxAllocation = std::size_t{8} << 20;
constexpr TinyModelSpec kSpec = {.vocab_size = 8,
                                 .hidden_size = 8,
                                 .intermediate_size = 8,
                                 .num_layers = 1,
                                 .num_heads = 2,
                                 .num_kv_heads = 1,
                                 .head_dim = 4};

int iterations(int base) {
  const char* rounds = std::getenv("PENSTOCK_FUZZ_ROUNDS");
  return rounds == nullptr ? base : base * std::max(1, std::atoi(rounds));
}

class ModelFilesFuzz : public ::testing::Test {
 protected:
  void SetUp() override {
    configure_log(LogLevel::kError, LogFormat::kText);
    formats::testing::forget_allocations();
  }
  void TearDown() override {
    EXPECT_LT(formats::testing::largest_allocation(), kMaxAllocation);
    EXPECT_GT(refused_, 100);
    EXPECT_TRUE(!some_are_fine_ || read_ > 10) << read_;
  }

  void open(const std::filesystem::path& path) {
    const auto files = ModelFiles::open(path);
    if (!files) {
      ASSERT_THAT(files.error().message(), ::testing::HasSubstr(dir_.path().string()));
      ++refused_;
      return;
    }
    ++read_;
    const ModelWeights& weights = (*files)->weights();
    read_every_value(*weights.embedding);
    read_every_value(*weights.final_norm);
    read_every_value(*weights.head);
    ASSERT_EQ(weights.layers.size(), (*files)->config().num_layers);
    for (const LayerWeights& layer : weights.layers) {
      for (const TensorView* tensor : {layer.attention_norm, layer.q, layer.k, layer.v, layer.o,
                                       layer.mlp_norm, layer.gate, layer.up, layer.down}) {
        read_every_value(*tensor);
      }
    }
    const RopeTable table = make_rope_table((*files)->config().rope);
    for (const float frequency : table.inverse_frequencies) ASSERT_TRUE(std::isfinite(frequency));
  }

  static void read_every_value(const TensorView& tensor) {
    std::vector<float> values(tensor.num_values());
    formats::dequantize_row(tensor.dtype, tensor.bytes, values);
  }

  TempDir dir_{testing::memory_directory()};
  Mutator mutator_{21};
  bool some_are_fine_ = true;
  int read_ = 0;
  int refused_ = 0;
};

TEST_F(ModelFilesFuzz, damaged_gguf) {
  const std::string whole = TinyModel(kSpec).gguf_bytes();
  // The weights themselves cannot be wrong: damage what is before them.
  const std::size_t header =
      formats::GgufFile::parse(std::as_bytes(std::span(whole))).value().header_bytes().size();
  for (int i = 0; i < iterations(4000) && !HasFatalFailure(); ++i) {
    write_file(dir_.path() / "m.gguf",
               mutator_.damage(whole.substr(0, header)) + whole.substr(header));
    open(dir_.path() / "m.gguf");
  }
}

TEST_F(ModelFilesFuzz, damaged_config) {
  const TinyModel model(kSpec);
  model.write_hf(dir_.path() / "hf");
  text::Json::Object config = model.config_json();
  config.set("rope_scaling", text::Json::Object{{"rope_type", "llama3"},
                                                {"factor", 8.0},
                                                {"low_freq_factor", 1.0},
                                                {"high_freq_factor", 4.0},
                                                {"original_max_position_embeddings", 64}});
  const std::string json = text::to_json(text::Json(config));
  for (int i = 0; i < iterations(4000) && !HasFatalFailure(); ++i) {
    write_file(dir_.path() / "hf" / "config.json", mutator_.damage_json(json));
    open(dir_.path() / "hf");
  }
}

TEST_F(ModelFilesFuzz, damaged_yarn_scaling) {
  const TinyModel model(kSpec);
  model.write_hf(dir_.path() / "hf");
  text::Json::Object config = model.config_json();
  config.erase("rope_scaling");
  std::string before = text::to_json(text::Json(config));
  before.back() = ',';
  constexpr std::string_view kScaling =
      R"({"rope_type":"yarn","factor":8.0,"beta_fast":32,"beta_slow":1,"mscale":1.0,)"
      R"("mscale_all_dim":0.5,"truncate":false,"original_max_position_embeddings":64})";
  for (int i = 0; i < iterations(4000) && !HasFatalFailure(); ++i) {
    write_file(dir_.path() / "hf" / "config.json",
               before + "\"rope_scaling\":" + mutator_.damage_json(kScaling) + "}");
    open(dir_.path() / "hf");
  }
}

TEST_F(ModelFilesFuzz, damaged_weights_index_and_generation_defaults) {
  TinyModelSpec spec = kSpec;
  spec.num_shards = 2;
  const TinyModel model(spec);
  model.write_hf(dir_.path() / "hf");
  const auto read = [&](const char* name) {
    const auto file = formats::MappedFile::open(dir_.path() / "hf" / name).value();
    return std::string(file.text());
  };
  const std::vector<const char*> names = {"model-00001-of-00002.safetensors",
                                          "model.safetensors.index.json", "generation_config.json"};
  for (const char* name : names) {
    const std::string whole = read(name);
    const bool weights = std::string_view(name).ends_with(".safetensors");
    const std::size_t header = weights ? 8 + static_cast<unsigned char>(whole[0]) +
                                             256U * static_cast<unsigned char>(whole[1])
                                       : 0;
    for (int i = 0; i < iterations(2000) && !HasFatalFailure(); ++i) {
      std::string damaged;
      if (weights) {
        const std::string json =
            mutator_.damage_json(std::string_view(whole).substr(8, header - 8));
        damaged =
            SafetensorsWriter::assemble(json.size(), json, std::string_view(whole).substr(header));
      } else {
        damaged = mutator_.damage_json(whole);
      }
      write_file(dir_.path() / "hf" / name, damaged);
      open(dir_.path() / "hf");
    }
    write_file(dir_.path() / "hf" / name, whole);
  }
}

TEST_F(ModelFilesFuzz, cut_short_anywhere) {
  some_are_fine_ = false;
  const TinyModel model(kSpec);
  const std::string gguf = model.gguf_bytes();
  for (std::size_t length = 0; length <= gguf.size(); length += length < 2048 ? 1 : 31) {
    write_file(dir_.path() / "m.gguf", std::string_view(gguf).substr(0, length));
    open(dir_.path() / "m.gguf");
    ASSERT_EQ(read_, 0) << length;
  }
  model.write_hf(dir_.path() / "hf");
  const std::string weights = model.safetensors_bytes();
  for (std::size_t length = 0; length < weights.size(); length += length < 2048 ? 1 : 31) {
    write_file(dir_.path() / "hf" / "model.safetensors",
               std::string_view(weights).substr(0, length));
    open(dir_.path() / "hf");
    ASSERT_EQ(read_, 0) << length;
  }
}

}  // namespace
}  // namespace penstock::model
