#include "base/philox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using testing::ElementsAre;

// The known answers that the paper's authors publish for philox4x32 with 10 rounds.
TEST(Philox, equals_the_published_known_answers) {
  EXPECT_THAT(philox4x32({0, 0, 0, 0}, {0, 0}),
              ElementsAre(0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8));
  constexpr std::uint32_t kOnes = 0xFFFFFFFF;
  EXPECT_THAT(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
              ElementsAre(0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD));
  EXPECT_THAT(
      philox4x32({0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, {0xA4093822, 0x299F31D0}),
      ElementsAre(0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1));
}

TEST(SamplingDraw, depends_on_seed_output_index_and_choice_only) {
  EXPECT_EQ(sampling_draw(7, 3, 1), sampling_draw(7, 3, 1));
  EXPECT_NE(sampling_draw(7, 3, 1), sampling_draw(8, 3, 1));
  EXPECT_NE(sampling_draw(7, 3, 1), sampling_draw(7, 4, 1));
  EXPECT_NE(sampling_draw(7, 3, 1), sampling_draw(7, 3, 2));
  EXPECT_NE(sampling_draw(7, 3, 1), sampling_draw(7 + (std::uint64_t{1} << 32), 3, 1));
}

TEST(SamplingDraw, stays_inside_the_open_unit_interval_and_is_uniform) {
  constexpr int kDraws = 100'000;
  double sum = 0;
  std::array<int, 10> tenths{};
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    const float draw = sampling_draw(42, i, 0);
    ASSERT_GT(draw, 0.0F);
    ASSERT_LT(draw, 1.0F);
    sum += draw;
    ++tenths[static_cast<std::size_t>(draw * 10)];
  }
  // Five standard deviations of the mean, and of one cell's count.
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * 0.2887 / 316.2);
  for (const int count : tenths) EXPECT_NEAR(count, kDraws / 10, 5 * 95);
}

// The 24 highest bits of this draw's word are ones. A draw of 24 bits would round to 1 here, which
// no token's cumulative probability reaches.
TEST(SamplingDraw, is_below_one_at_the_top_of_its_range) {
  const std::uint32_t index = 28'537'587;
  ASSERT_GE(philox4x32({index, 0, 0, 0}, {2, 0})[0], 0xFFFFFF00U);
  EXPECT_LT(sampling_draw(2, index, 0), 1.0F);
}

}  // namespace
}  // namespace penstock
