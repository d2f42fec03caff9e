#include <gtest/gtest.h>

#include "tests/kernels/random_weights.h"

namespace penstock::kernels {
namespace {

TEST(Half, every_f16_widens_to_its_value) {
  EXPECT_EQ(f16_to_f32(0x0000), 0.0F);
  EXPECT_EQ(f16_to_f32(0x3C00), 1.0F);
  EXPECT_EQ(f16_to_f32(0xC000), -2.0F);
  EXPECT_EQ(f16_to_f32(0x7BFF), 65504.0F);
  EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24F);
  EXPECT_EQ(f16_to_f32(0x83FF), -1023 * 0x1p-24F);
  EXPECT_EQ(f16_to_f32(0x7C00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(f16_to_f32(0x7E01)));
}

TEST(Half, bf16_rounds_to_nearest_even) {
  EXPECT_EQ(f32_to_bf16(1.0F), 0x3F80);
  EXPECT_EQ(f32_to_bf16(1.0F + 0x1p-8F), 0x3F80);  // a tie goes to the even one
  EXPECT_EQ(f32_to_bf16(1.0F + 3 * 0x1p-8F), 0x3F82);
  EXPECT_EQ(f32_to_bf16(1.0F + 0x1p-8F + 0x1p-20F), 0x3F81);
  EXPECT_EQ(f32_to_bf16(-0x1p-130F), 0x8000);  // subnormals are zero of their sign
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::nanf("")))));
}

TEST(Dequantize, one_block_by_hand) {
  std::vector<std::byte> block(20);
  put_f16(block, 0, 0x3800);   // d = 0.5
  put_f16(block, 2, 0xBC00);   // m = -1
  block[4] = std::byte{0xA3};  // value 0 has code 3, value 16 code 10
  std::vector<float> out(32);
  ref::dequantize(WeightType::kQ4_1, block, out);
  EXPECT_EQ(out[0], 0.5F);
  EXPECT_EQ(out[16], 4.0F);
  EXPECT_EQ(out[1], -1.0F);
}

class Unpack : public testing::TestWithParam<const CpuKernels*> {};
INSTANTIATE_TEST_SUITE_P(Isa, Unpack, testing::ValuesIn(runnable_kernels()), KernelName{});

TEST_P(Unpack, gives_the_bits_of_the_reference_for_every_type) {
  std::mt19937 random(7);
  for (const WeightType type : kAllWeightTypes) {
    const bool is_plain = info(type).block_values == 1;
    for (const std::uint32_t outputs : {16U, 37U}) {
      for (const std::uint32_t blocks : {1U, 3U, 21U}) {
        const auto inputs =
            static_cast<std::uint32_t>(is_plain ? 25 * blocks : info(type).block_values * blocks);
        const auto rows = random_rows(type, outputs, inputs, random);
        const std::vector<float> expected = dequantized(type, rows, inputs);
        const PackedRows packed = pack(type, rows, outputs, inputs);
        std::vector<float> panel(std::size_t{inputs} * kPanelOutputs);
        for (std::uint32_t p = 0; p < packed.matrix.num_panels(); ++p) {
          GetParam()->unpack_panel(packed.matrix, p, panel.data());
          for (std::size_t n = 0; n < kPanelOutputs; ++n) {
            for (std::size_t k = 0; k < inputs; ++k) {
              const std::size_t output = p * kPanelOutputs + n;
              const float got = panel[k * kPanelOutputs + n];
              if (output >= outputs) {  // padding: a zero of either sign
                ASSERT_EQ(got, 0.0F);
                continue;
              }
              const float want = expected[output * inputs + k];
              ASSERT_EQ(std::bit_cast<std::uint32_t>(got), std::bit_cast<std::uint32_t>(want))
                  << info(type).name << " output " << output << " of " << outputs << ", k " << k;
            }
          }
        }
      }
    }
  }
}

TEST(PackedMatrix, takes_at_most_three_percent_more_than_the_file) {
  for (const WeightType type : kAllWeightTypes) {
    const PackedMatrix matrix{type, 2048, 2048, nullptr};
    const auto file = static_cast<double>(row_bytes(type, 2048) * 2048);
    EXPECT_LE(static_cast<double>(matrix.total_bytes()), 1.03 * file) << info(type).name;
    EXPECT_EQ(matrix.panel_bytes() % 64, 0U);
  }
}

}  // namespace
}  // namespace penstock::kernels
