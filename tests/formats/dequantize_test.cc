#include "formats/dequantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "formats/float16.h"
#include "formats/gguf.h"

namespace penstock::formats {
namespace {

// Made by tests/oracles/formats_golden.py.
const GgufFile& golden() {
  static const GgufFile file =
      GgufFile::open(PENSTOCK_SOURCE_DIR "/tests/formats/data/golden.gguf").value();
  return file;
}

std::vector<float> dequantize(const TensorView& tensor) {
  std::vector<float> values(tensor.num_values());
  dequantize_row(tensor.dtype, tensor.bytes, values);
  return values;
}

bool same_bits_or_both_nan(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

class DequantizeTest : public ::testing::TestWithParam<DType> {};

TEST_P(DequantizeTest, equals_the_reference_bit_for_bit) {
  const std::string name(info(GetParam()).name);
  const TensorView* tensor = golden().find_tensor(name);
  ASSERT_NE(tensor, nullptr);
  ASSERT_EQ(tensor->dtype, GetParam());
  const TensorView* reference = golden().find_tensor(name + ".f32");
  ASSERT_NE(reference, nullptr);
  ASSERT_EQ(reference->dtype, DType::kF32);
  ASSERT_EQ(tensor->shape, reference->shape);
  const std::vector<float> values = dequantize(*tensor);
  const std::vector<float> expected = dequantize(*reference);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_TRUE(same_bits_or_both_nan(values[i], expected[i]))
        << "value " << i << " is " << values[i] << ", the reference has " << expected[i];
  }
}

TEST_P(DequantizeTest, does_not_care_where_the_bytes_lie) {
  const TensorView* tensor = golden().find_tensor(info(GetParam()).name);
  ASSERT_NE(tensor, nullptr);
  std::vector<std::byte> shifted(tensor->bytes.size() + 1);
  std::memcpy(shifted.data() + 1, tensor->bytes.data(), tensor->bytes.size());
  std::vector<float> values(tensor->num_values());
  dequantize_row(tensor->dtype, std::span(shifted).subspan(1), values);
  const std::vector<float> expected = dequantize(*tensor);
  EXPECT_EQ(0, std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)));
}

INSTANTIATE_TEST_SUITE_P(EveryEncoding, DequantizeTest,
                         ::testing::Values(DType::kF32, DType::kF16, DType::kBF16, DType::kQ4_0,
                                           DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0,
                                           DType::kQ4_K, DType::kQ5_K, DType::kQ6_K),
                         [](const auto& parameter) {
                           return std::string(formats::info(parameter.param).name);
                         });

TEST(Dequantize, golden_scales_include_subnormals) {
  const TensorView* tensor = golden().find_tensor("Q8_0");
  ASSERT_NE(tensor, nullptr);
  int subnormal = 0;
  for (std::size_t at = 0; at < tensor->bytes.size(); at += 34) {
    std::uint16_t half = 0;
    std::memcpy(&half, tensor->bytes.data() + at, sizeof(half));
    subnormal += (half & 0x7C00) == 0 && (half & 0x3FF) != 0 ? 1 : 0;
  }
  EXPECT_GT(subnormal, 10);
}

TEST(Dequantize, row_bytes_counts_blocks) {
  EXPECT_EQ(row_bytes(DType::kF32, 3), 12U);
  EXPECT_EQ(row_bytes(DType::kQ4_1, 64), 40U);
  EXPECT_EQ(row_bytes(DType::kQ6_K, 512), 420U);
  EXPECT_DEATH((void)row_bytes(DType::kQ4_0, 31), "blocks of 32");
}

TEST(Float16, every_half_survives_the_way_there_and_back) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const bool nan = (half & 0x7FFF) > 0x7C00;
    ASSERT_EQ(f32_to_f16(f16_to_f32(half)), nan ? half | 0x200 : half) << bits;
  }
}

TEST(Float16, every_bfloat_survives_the_way_there_and_back) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto bf16 = static_cast<std::uint16_t>(bits);
    const bool nan = (bf16 & 0x7FFF) > 0x7F80;
    ASSERT_EQ(f32_to_bf16(bf16_to_f32(bf16)), nan ? bf16 | 0x40 : bf16) << bits;
  }
}

// Nearest by comparing distances in double, which hold exactly here; ties to the even pattern.
std::uint16_t nearest_half(float value) {
  const auto magnitude = static_cast<double>(std::fabs(value));
  std::uint16_t best = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  std::uint32_t low = 0;
  std::uint32_t high = 0x7C00;
  while (low < high) {  // the last half that is not above the value
    const std::uint32_t middle = (low + high + 1) / 2;
    const double at = middle == 0x7C00 ? 65536.0 : f16_to_f32(static_cast<std::uint16_t>(middle));
    if (at <= magnitude) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  for (std::uint32_t candidate = low; candidate <= std::min(low + 1, 0x7C00U); ++candidate) {
    const double at =
        candidate == 0x7C00 ? 65536.0 : f16_to_f32(static_cast<std::uint16_t>(candidate));
    const double distance = std::fabs(at - magnitude);
    if (distance < best_distance || (distance == best_distance && candidate % 2 == 0)) {
      best = static_cast<std::uint16_t>(candidate);
      best_distance = distance;
    }
  }
  return static_cast<std::uint16_t>(best | (std::signbit(value) ? 0x8000 : 0));
}

TEST(Float16, narrowing_rounds_to_nearest_even) {
  std::vector<float> values = {0.0F,     -0.0F,     1.0F,      65504.0F, 65519.99F,
                               65520.0F, 65536.0F,  0x1p-24F,  0x1p-25F, 0x1.000002p-25F,
                               0x1p-14F, 0x1p-126F, 0x1p-149F, 1e30F,    0x1.ffcp-15F};
  std::mt19937 random(3);
  for (int i = 0; i < 200000; ++i) {
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
    // Around the range of halves, where the interesting roundings are.
    const auto wide = static_cast<std::uint32_t>(random());
    values.push_back(std::bit_cast<float>((wide & 0x8FFFFFFFU) | 0x30000000U));
  }
  for (const float value : values) {
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      ASSERT_EQ(f32_to_f16(value), nearest_half(value)) << value;
    }
  }
}

TEST(Float16, bfloat_narrowing_rounds_to_nearest_even) {
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808000U)), 0x3F80);  // tie, even below
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F818000U)), 0x3F82);  // tie, even above
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3F808001U)), 0x3F81);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(f32_to_bf16(-std::numeric_limits<float>::infinity()), 0xFF80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x7F800001U)) & 0x7FFF, 0x7FC0);
}

}  // namespace
}  // namespace penstock::formats
