// Tiny random models against a forward pass in double written from the papers.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>

#include "tests/model/forward_harness.h"
#include "tests/model/reference_llama.h"
#include "tests/model/tiny_model.h"

namespace penstock::model {
namespace {

using testing::ForwardHarness;
using testing::TempDir;
using testing::TinyModel;
using testing::TinyModelSpec;

std::vector<std::uint32_t> random_tokens(std::size_t count) {
  std::mt19937 random(99);
  std::vector<std::uint32_t> tokens(count);
  for (std::uint32_t& token : tokens) token = random() % 320;
  return tokens;
}

struct RunSpec {
  ComputeType compute = ComputeType::kF32;
  KvDType kv_dtype = KvDType::kF32;
  std::size_t num_tokens = 40;
  std::uint32_t chunk = 64;
};

std::vector<float> run_model(const std::filesystem::path& path, const RunSpec& run) {
  auto files = ModelFiles::open(path);
  EXPECT_TRUE(files) << files.error().message();
  ForwardHarness harness(**files, {.options = {.compute = run.compute,
                                               .kv_dtype = run.kv_dtype,
                                               .max_batch_rows = 128,
                                               .max_logit_rows = 128},
                                   .num_threads = 2});
  return harness.feed(harness.new_sequence(), random_tokens(run.num_tokens), run.chunk);
}

// Largest difference as a share of the logits' root mean square.
double relative_error(const std::vector<float>& got, const std::vector<double>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double largest = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    largest = std::max(largest, std::fabs(got[i] - expected[i]));
    squares += expected[i] * expected[i];
  }
  return largest / std::sqrt(squares / static_cast<double>(got.size()));
}

testing::ReferenceRope plain_rope(const TinyModelSpec& spec) {
  return testing::reference_rope({.dims = spec.head_dim, .theta = spec.rope_theta});
}

double error_of_gguf(const TinyModelSpec& spec, const RunSpec& run) {
  const TempDir directory;
  const TinyModel model(spec);
  model.write_gguf(directory.path() / "tiny.gguf");
  return relative_error(run_model(directory.path() / "tiny.gguf", run),
                        reference_logits(model, plain_rope(spec), random_tokens(run.num_tokens)));
}

double error_of_hf(const TinyModelSpec& spec, const RunSpec& run) {
  const TempDir directory;
  const TinyModel model(spec);
  model.write_hf(directory.path());
  return relative_error(run_model(directory.path(), run),
                        reference_logits(model, plain_rope(spec), random_tokens(run.num_tokens)));
}

// Each layer carries a few hundred roundings of 2^-24 through sums that partly cancel; what was
// seen over all shapes here is 5e-6.
constexpr double kF32Tolerance = 3e-5;
// Every product's inputs are rounded to 8 bits, 2^-9 each; what was seen here is 0.07.
constexpr double kBF16Tolerance = 0.12;

TinyModelSpec spec_for(formats::DType dtype) {
  TinyModelSpec spec{.dtype = dtype};
  if (formats::info(dtype).block_values == 256) {
    spec.hidden_size = 256;
    spec.intermediate_size = 512;
    spec.head_dim = 64;
  }
  return spec;
}

// Random blocks with random scales and minima are heavy-tailed: such a model magnifies every error.
double amplification(int dtype) {
  const auto type = static_cast<formats::DType>(dtype);
  return type == formats::DType::kQ4_K || type == formats::DType::kQ5_K ? 4.0 : 1.0;
}

class WeightTypes : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(All, WeightTypes, ::testing::Range(0, 11), [](const auto& test) {
  return std::string(formats::info(static_cast<formats::DType>(test.param)).name);
});

TEST_P(WeightTypes, f32_is_near_the_reference) {
  const double error = error_of_gguf(spec_for(static_cast<formats::DType>(GetParam())), {});
  std::printf("relative error %.2e\n", error);
  EXPECT_LT(error, kF32Tolerance * amplification(GetParam()));
}

TEST_P(WeightTypes, bf16_is_near_the_reference) {
  const double error = error_of_gguf(spec_for(static_cast<formats::DType>(GetParam())),
                                     {.compute = ComputeType::kBF16, .kv_dtype = KvDType::kBF16});
  std::printf("relative error %.3f\n", error);
  EXPECT_LT(error, kBF16Tolerance * amplification(GetParam()));
}

TEST(ForwardReference, head_groups_and_odd_sizes) {
  const std::vector<TinyModelSpec> specs = {
      {.num_heads = 4, .num_kv_heads = 4},
      {.num_heads = 4, .num_kv_heads = 1},
      {.hidden_size = 54,
       .intermediate_size = 111,
       .num_heads = 9,
       .num_kv_heads = 3,
       .head_dim = 6},
      {.num_heads = 22, .num_kv_heads = 2, .head_dim = 8},  // groups above one attention call
      {.vocab_size = 325, .num_layers = 3, .head_dim = 80},
  };
  for (const TinyModelSpec& spec : specs) {
    EXPECT_LT(error_of_hf(spec, {}), kF32Tolerance)
        << spec.num_heads << " heads over " << spec.num_kv_heads << ", " << spec.head_dim;
    EXPECT_LT(error_of_gguf(spec, {}), kF32Tolerance)
        << spec.num_heads << " heads over " << spec.num_kv_heads << ", interleaved";
  }
}

TEST(ForwardReference, a_tied_head_is_the_embedding) {
  EXPECT_LT(error_of_hf({.tie_embeddings = true}, {}), kF32Tolerance);
  EXPECT_LT(error_of_gguf({.tie_embeddings = true, .dtype = formats::DType::kQ8_0}, {}),
            kF32Tolerance);
}

TEST(ForwardReference, contexts_of_many_blocks) {
  const RunSpec long_run{.num_tokens = 650, .chunk = 111};
  EXPECT_LT(error_of_hf({.context_length = 1024}, long_run), kF32Tolerance);
  EXPECT_LT(error_of_hf({.context_length = 1024}, {.compute = ComputeType::kBF16,
                                                   .kv_dtype = KvDType::kBF16,
                                                   .num_tokens = 650,
                                                   .chunk = 111}),
            kBF16Tolerance);
}

double error_with_scaling(text::Json::Object scaling, const RopeConfig& rope) {
  const TempDir directory;
  const TinyModel model({.head_dim = 32, .context_length = 1024});
  model.write_hf(directory.path());
  text::Json::Object config = model.config_json();
  config.set("rope_scaling", std::move(scaling));
  testing::write_file(directory.path() / "config.json", text::to_json(text::Json(config)));
  return relative_error(run_model(directory.path(), {.num_tokens = 300}),
                        reference_logits(model, testing::reference_rope(rope), random_tokens(300)));
}

TEST(ForwardReference, linear_rope_scaling) {
  EXPECT_LT(error_with_scaling({{"rope_type", "linear"}, {"factor", 4.0}},
                               {.dims = 32, .scaling = RopeScaling::kLinear, .factor = 4.0}),
            kF32Tolerance);
}

TEST(ForwardReference, llama3_rope_scaling) {
  EXPECT_LT(
      error_with_scaling(
          {{"rope_type", "llama3"},
           {"factor", 8.0},
           {"low_freq_factor", 1.0},
           {"high_freq_factor", 4.0},
           {"original_max_position_embeddings", 256}},
          {.dims = 32, .scaling = RopeScaling::kLlama3, .factor = 8.0, .original_context = 256}),
      kF32Tolerance);
}

TEST(ForwardReference, yarn_rope_scaling) {
  EXPECT_LT(
      error_with_scaling(
          {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 256}},
          {.dims = 32, .scaling = RopeScaling::kYarn, .factor = 4.0, .original_context = 256}),
      kF32Tolerance);
}

}  // namespace
}  // namespace penstock::model
