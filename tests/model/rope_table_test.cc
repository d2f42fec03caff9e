#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <string>

#include "model/config.h"
#include "text/json.h"

namespace penstock::model {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using text::Json;

// Made by tests/oracles/model_rope.py.
Json reference_tables() {
  std::ifstream in(PENSTOCK_SOURCE_DIR "/tests/model/data/rope_tables.json");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return text::parse_json(text).value();
}

TEST(RopeTable, equals_the_reference_for_every_kind_of_scaling) {
  const Json tables = reference_tables();
  ASSERT_GT(tables.as_array().size(), 20U);
  for (const Json& reference : tables.as_array()) {
    SCOPED_TRACE(reference.find("name")->as_string());
    const auto config = config_from_hf(*reference.find("config"));
    ASSERT_TRUE(config) << config.error().message();
    const RopeTable table = make_rope_table(config->rope);
    const Json::Array& expected = reference.find("inverse_frequencies")->as_array();
    ASSERT_EQ(table.inverse_frequencies.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      // Both are float64 results of one formula; narrowing may differ in the last bit.
      EXPECT_FLOAT_EQ(table.inverse_frequencies[i], static_cast<float>(expected[i].as_double()))
          << "pair " << i;
    }
    EXPECT_FLOAT_EQ(table.magnitude, static_cast<float>(reference.find("magnitude")->as_double()));
  }
}

TEST(RopeTable, frequency_factors_of_the_file_divide) {
  const RopeConfig rope{.dims = 4, .theta = 100.0, .frequency_factors = {2.0F, 8.0F}};
  EXPECT_THAT(make_rope_table(rope).inverse_frequencies,
              ElementsAre(FloatEq(0.5F), FloatEq(0.0125F)));
}

TEST(RopeTable, scaling_comes_after_the_frequency_factors) {
  const RopeConfig rope{.dims = 2,
                        .theta = 100.0,
                        .scaling = RopeScaling::kLinear,
                        .factor = 4.0,
                        .frequency_factors = {2.0F}};
  EXPECT_THAT(make_rope_table(rope).inverse_frequencies, ElementsAre(FloatEq(0.125F)));
}

// The converter from Hugging Face writes the llama3 scaling as factors: both give one table.
TEST(RopeTable, llama3_scaling_and_its_frequency_factors_agree) {
  RopeConfig scaled{.dims = 64,
                    .theta = 500000.0,
                    .scaling = RopeScaling::kLlama3,
                    .factor = 32.0,
                    .original_context = 8192};
  const RopeTable by_scaling = make_rope_table(scaled);
  RopeConfig plain{.dims = 64, .theta = 500000.0};
  const RopeTable unscaled = make_rope_table(plain);
  for (std::size_t i = 0; i < 32; ++i) {
    plain.frequency_factors.push_back(unscaled.inverse_frequencies[i] /
                                      by_scaling.inverse_frequencies[i]);
  }
  const RopeTable by_factors = make_rope_table(plain);
  EXPECT_FLOAT_EQ(plain.frequency_factors.front(), 1.0F);
  EXPECT_FLOAT_EQ(plain.frequency_factors.back(), 32.0F);
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_NEAR(by_factors.inverse_frequencies[i], by_scaling.inverse_frequencies[i],
                1e-6F * by_scaling.inverse_frequencies[i]);
  }
}

}  // namespace
}  // namespace penstock::model
