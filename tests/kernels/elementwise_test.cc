#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "kernels/cpu/rope.h"
#include "kernels/ref/ops.h"
#include "tests/kernels/random_weights.h"

namespace penstock::kernels {
namespace {

class Elementwise : public testing::TestWithParam<const CpuKernels*> {};
INSTANTIATE_TEST_SUITE_P(Isa, Elementwise, testing::ValuesIn(runnable_kernels()), KernelName{});

std::vector<float> exp_of(const CpuKernels& kernels, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  kernels.exp(x.data(), y.data(), x.size());
  return y;
}

TEST_P(Elementwise, exp_is_within_two_units_in_the_last_place) {
  std::vector<float> x;
  for (float v = -87.0F; v < 88.0F; v += 0.00437F) x.push_back(v);
  const std::vector<float> y = exp_of(*GetParam(), x);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    EXPECT_NEAR(y[i] / exact, 1.0, 2 * 0x1p-23) << x[i];
  }
}

TEST_P(Elementwise, exp_is_exact_where_attention_needs_it) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp_of(*GetParam(), {0.0F, -0.0F, -infinity, -1000.0F}),
            (std::vector<float>{1.0F, 1.0F, 0.0F, 0.0F}));
  EXPECT_TRUE(std::isfinite(exp_of(*GetParam(), {infinity})[0]));
}

TEST_P(Elementwise, exp_has_the_bits_of_the_portable_kernels) {
  std::mt19937 random(3);
  std::vector<float> x = random_values(4099, random, 30.0F);
  EXPECT_TRUE(same_bits(exp_of(*GetParam(), x), exp_of(*runnable_kernels().front(), x)));
}

std::vector<float> normalized(const CpuKernels& kernels, const std::vector<float>& x,
                              const std::vector<float>& weight, ActivationType type) {
  std::vector<float> y(x.size());
  std::vector<std::uint16_t> halves(x.size());
  void* out = type == ActivationType::kF32 ? static_cast<void*>(y.data()) : halves.data();
  kernels.rms_norm(
      {x.data(), weight.data(), static_cast<std::uint32_t>(x.size()), 1e-5F, type, out});
  if (type == ActivationType::kBF16) {
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = bf16_to_f32(halves[i]);
  }
  return y;
}

// A sum of squares in 16 lanes has no cancellation: size / 16 + 8 roundings, and a few more.
TEST_P(Elementwise, rms_norm_is_near_the_reference_and_equal_to_portable) {
  std::mt19937 random(5);
  for (const std::size_t size : {2U, 16U, 31U, 576U, 1000U}) {
    const std::vector<float> x = random_values(size, random, 3.0F);
    const std::vector<float> weight = random_values(size, random);
    const std::vector<double> expected = ref::rms_norm(x, weight, 1e-5F);
    const std::vector<float> y = normalized(*GetParam(), x, weight, ActivationType::kF32);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_NEAR(y[i], expected[i], std::fabs(expected[i]) * (size / 16.0 + 16) * 0x1p-24);
    }
    for (const ActivationType type : {ActivationType::kF32, ActivationType::kBF16}) {
      EXPECT_TRUE(same_bits(normalized(*GetParam(), x, weight, type),
                            normalized(*runnable_kernels().front(), x, weight, type)));
    }
    const std::vector<float> rounded = normalized(*GetParam(), x, weight, ActivationType::kBF16);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_EQ(rounded[i], bf16_to_f32(f32_to_bf16(y[i])));
    }
  }
}

TEST_P(Elementwise, swiglu_is_near_the_reference_and_equal_to_portable) {
  std::mt19937 random(9);
  for (const std::size_t size : {1U, 16U, 45U, 1536U}) {
    const std::vector<float> gate = random_values(size, random, 8.0F);
    const std::vector<float> up = random_values(size, random);
    const auto run = [&](const CpuKernels& kernels) {
      std::vector<float> y(size);
      kernels.swiglu({gate.data(), up.data(), static_cast<std::uint32_t>(size),
                      ActivationType::kF32, y.data()});
      return y;
    };
    const std::vector<float> y = run(*GetParam());
    const std::vector<double> expected = ref::swiglu(gate, up);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_NEAR(y[i], expected[i], std::fabs(expected[i]) * 8 * 0x1p-24);
    }
    EXPECT_TRUE(same_bits(y, run(*runnable_kernels().front())));
  }
}

// The angle is rounded to float once (position * frequency); sine and cosine add half a unit.
TEST(Rope, turns_heads_as_the_reference_does) {
  std::mt19937 random(15);
  std::vector<float> frequencies;
  for (int i = 0; i < 16; ++i) {
    frequencies.push_back(static_cast<float>(std::pow(10000.0, -i / 16.0)));
  }
  for (const std::uint32_t position : {0U, 1U, 77U, 4095U, 131071U}) {
    std::vector<float> cosines(16);
    std::vector<float> sines(16);
    rope_angles(position, frequencies, 1.0F, cosines.data(), sines.data());
    for (const RopePairs pairs : {RopePairs::kHalves, RopePairs::kInterleaved}) {
      const std::vector<float> head = random_values(40, random);
      std::vector<float> turned = head;
      rotate_head(pairs, 16, cosines.data(), sines.data(), turned.data());
      const std::vector<double> expected =
          ref::rope(head, position, frequencies, pairs == RopePairs::kInterleaved);
      const double tolerance = position * 0x1p-23 + 0x1p-20;
      for (std::size_t i = 0; i < head.size(); ++i) {
        EXPECT_NEAR(turned[i], expected[i], tolerance) << position << " " << i;
      }
    }
  }
}

TEST(Rope, sines_are_correct_to_half_a_float_unit_everywhere) {
  std::mt19937 random(25);
  for (int i = 0; i < 20000; ++i) {
    const std::uint32_t position = random() % (1U << (1 + random() % 24));
    const float frequency = std::ldexp(1.0F + static_cast<float>(random() % 1024) / 1024.0F,
                                       -static_cast<int>(1 + random() % 20));
    float cosine = 0.0F;
    float sine = 0.0F;
    rope_angles(position, {&frequency, 1}, 1.0F, &cosine, &sine);
    const double angle = static_cast<float>(position) * frequency;
    ASSERT_NEAR(sine, std::sin(angle), 0x1p-24) << angle;
    ASSERT_NEAR(cosine, std::cos(angle), 0x1p-24) << angle;
  }
}

}  // namespace
}  // namespace penstock::kernels
