#include <gtest/gtest.h>

#include <cmath>

#include "kernels/ref/ops.h"
#include "tests/kernels/random_weights.h"

namespace penstock::kernels {
namespace {

// Rows of activations as a kernel wants them: padded to an even stride, f32 or bf16.
struct Activations {
  std::vector<float> values;  // [rows][inputs], as the kernel sees them
  std::vector<std::byte> bytes;
  std::size_t stride;
};

Activations make_activations(ActivationType type, std::size_t rows, std::size_t inputs,
                             std::mt19937& random) {
  Activations x{random_values(rows * inputs, random), {}, (inputs + 1) / 2 * 2 + 2};
  x.bytes.resize(rows * x.stride * value_bytes(type));
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t k = 0; k < inputs; ++k) {
      float& value = x.values[row * inputs + k];
      std::byte* place = x.bytes.data() + (row * x.stride + k) * value_bytes(type);
      if (type == ActivationType::kBF16) {
        const std::uint16_t half = f32_to_bf16(value);
        value = bf16_to_f32(half);
        std::memcpy(place, &half, 2);
      } else {
        std::memcpy(place, &value, 4);
      }
    }
  }
  return x;
}

struct Case {
  WeightType type;
  std::uint32_t outputs;
  std::uint32_t inputs;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const WeightType type : kAllWeightTypes) {
    const auto block = static_cast<std::uint32_t>(info(type).block_values);
    all.push_back({type, 53, block * 3 + (block == 1 ? 98 : 0)});
    all.push_back({type, 32, block == 1 ? 577U : (block == 32 ? 576U : 768U)});
  }
  return all;
}

std::vector<float> multiply(const CpuKernels& kernels, ActivationType type,
                            const PackedMatrix& matrix, const Activations& x, std::size_t row,
                            std::size_t num_rows) {
  std::vector<float> y(num_rows * matrix.num_outputs, -1.0F);
  GemmArgs args{.weights = matrix,
                .first_panel = 0,
                .num_panels = matrix.num_panels(),
                .x = x.bytes.data() + row * x.stride * value_bytes(type),
                .x_stride = x.stride,
                .num_rows = static_cast<std::uint32_t>(num_rows),
                .y = y.data(),
                .y_stride = matrix.num_outputs};
  (type == ActivationType::kF32 ? kernels.gemm_f32 : kernels.gemm_bf16)(args);
  return y;
}

class Matmul : public testing::TestWithParam<const CpuKernels*> {};
INSTANTIATE_TEST_SUITE_P(Isa, Matmul, testing::ValuesIn(runnable_kernels()), KernelName{});

// The error of an f32 sum over K steps in segments of 64 is at most (64 + K/64) roundings of the
// sum of magnitudes; real errors are far below. For bf16, weights are rounded here as the kernel
// does, so that the same bound holds.
TEST_P(Matmul, is_near_the_reference_for_every_weight_type) {
  std::mt19937 random(11);
  for (const ActivationType type : {ActivationType::kF32, ActivationType::kBF16}) {
    for (const Case& c : cases()) {
      const auto rows = random_rows(c.type, c.outputs, c.inputs, random);
      std::vector<float> weights = dequantized(c.type, rows, c.inputs);
      if (type == ActivationType::kBF16) {
        for (float& w : weights) w = bf16_to_f32(f32_to_bf16(w));
      }
      const PackedRows packed = pack(c.type, rows, c.outputs, c.inputs);
      const Activations x = make_activations(type, 5, c.inputs, random);
      const std::vector<float> y = multiply(*GetParam(), type, packed.matrix, x, 0, 5);
      const std::vector<double> expected = ref::matmul(weights, x.values, c.inputs);
      std::vector<float> weight_sizes = weights;
      std::vector<float> x_sizes = x.values;
      for (float& w : weight_sizes) w = std::fabs(w);
      for (float& v : x_sizes) v = std::fabs(v);
      const std::vector<double> sizes = ref::matmul(weight_sizes, x_sizes, c.inputs);
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], expected[i], sizes[i] * (64 + c.inputs / 64.0) * 0x1p-24)
            << info(c.type).name << " [" << c.outputs << ", " << c.inputs << "] at " << i;
      }
    }
  }
}

TEST_P(Matmul, a_row_has_the_same_bits_alone_and_in_any_batch) {
  std::mt19937 random(13);
  constexpr std::size_t kRows = 147;  // more than share one unpacking, and no multiple of 8
  for (const ActivationType type : {ActivationType::kF32, ActivationType::kBF16}) {
    for (const WeightType weight : {WeightType::kQ4_1, WeightType::kBF16}) {
      const auto rows = random_rows(weight, 41, 352, random);
      const PackedRows packed = pack(weight, rows, 41, 352);
      const Activations x = make_activations(type, kRows, 352, random);
      const std::vector<float> together = multiply(*GetParam(), type, packed.matrix, x, 0, kRows);
      for (const std::size_t size : {1U, 2U, 3U, 7U, 12U}) {
        for (std::size_t row = 0; row + size <= kRows; row += 29) {
          const std::vector<float> part = multiply(*GetParam(), type, packed.matrix, x, row, size);
          ASSERT_EQ(0, std::memcmp(part.data(), together.data() + row * 41, part.size() * 4))
              << size << " rows from " << row;
        }
      }
    }
  }
}

TEST_P(Matmul, panels_split_among_calls_give_the_same_bits) {
  std::mt19937 random(17);
  const auto rows = random_rows(WeightType::kQ8_0, 100, 320, random);
  const PackedRows packed = pack(WeightType::kQ8_0, rows, 100, 320);
  const Activations x = make_activations(ActivationType::kF32, 6, 320, random);
  const std::vector<float> whole =
      multiply(*GetParam(), ActivationType::kF32, packed.matrix, x, 0, 6);
  std::vector<float> parts(whole.size());
  GemmArgs args{.weights = packed.matrix,
                .x = x.bytes.data(),
                .x_stride = x.stride,
                .num_rows = 6,
                .y = parts.data(),
                .y_stride = 100};
  for (const auto& [first, count] : {std::pair{0U, 3U}, {3U, 1U}, {4U, 2U}, {6U, 1U}}) {
    args.first_panel = first;
    args.num_panels = count;
    GetParam()->gemm_f32(args);
  }
  EXPECT_TRUE(same_bits(whole, parts));
}

TEST_P(Matmul, accumulate_adds_to_what_is_there) {
  std::mt19937 random(19);
  const auto rows = random_rows(WeightType::kF32, 20, 8, random);
  const PackedRows packed = pack(WeightType::kF32, rows, 20, 8);
  const Activations x = make_activations(ActivationType::kF32, 1, 8, random);
  const std::vector<float> product =
      multiply(*GetParam(), ActivationType::kF32, packed.matrix, x, 0, 1);
  std::vector<float> y(20, 3.0F);
  GetParam()->gemm_f32({.weights = packed.matrix,
                        .first_panel = 0,
                        .num_panels = 2,
                        .x = x.bytes.data(),
                        .x_stride = x.stride,
                        .num_rows = 1,
                        .y = y.data(),
                        .y_stride = 20,
                        .accumulate = true});
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(y[i], 3.0F + product[i]);
}

TEST_P(Matmul, has_the_bits_of_the_portable_kernels) {
  std::mt19937 random(23);
  const CpuKernels& portable = *runnable_kernels().front();
  for (const ActivationType type : {ActivationType::kF32, ActivationType::kBF16}) {
    for (const Case& c : cases()) {
      const auto rows = random_rows(c.type, c.outputs, c.inputs, random);
      const PackedRows packed = pack(c.type, rows, c.outputs, c.inputs);
      const Activations x = make_activations(type, 11, c.inputs, random);
      EXPECT_TRUE(same_bits(multiply(*GetParam(), type, packed.matrix, x, 0, 11),
                            multiply(portable, type, packed.matrix, x, 0, 11)))
          << info(c.type).name;
    }
  }
}

TEST_P(Matmul, is_of_the_common_arithmetic) {
  EXPECT_EQ(arithmetic_family(*GetParam()), "fma") << "so it needs another numerics string";
}

// Subnormal, huge and cancelling products, where instructions could differ in the details.
TEST_P(Matmul, has_the_bits_of_the_portable_kernels_at_the_edges_of_bf16) {
  std::mt19937 random(29);
  const CpuKernels& portable = *runnable_kernels().front();
  constexpr std::uint32_t kOutputs = 64;
  constexpr std::uint32_t kInputs = 64;
  for (const auto& [low, high] : {std::pair{0U, 60U}, {40U, 90U}, {100U, 140U}, {150U, 254U}}) {
    const auto number = [&] {
      const auto exponent = static_cast<std::uint16_t>(low + random() % (high - low));
      return static_cast<std::uint16_t>((random() & 0x807FU) | (exponent << 7U));
    };
    std::vector<std::byte> rows(std::size_t{2} * kOutputs * kInputs);
    for (std::size_t i = 0; i < rows.size(); i += 2) put_f16(rows, i, number());
    Activations x{{}, std::vector<std::byte>(std::size_t{2} * 9 * kInputs), kInputs};
    for (std::size_t i = 0; i < x.bytes.size(); i += 2) put_f16(x.bytes, i, number());
    const PackedRows packed = pack(WeightType::kBF16, rows, kOutputs, kInputs);
    const auto got = multiply(*GetParam(), ActivationType::kBF16, packed.matrix, x, 0, 9);
    const auto want = multiply(portable, ActivationType::kBF16, packed.matrix, x, 0, 9);
    for (std::size_t i = 0; i < got.size(); ++i) {
      const bool both_nan = std::isnan(got[i]) && std::isnan(want[i]);
      ASSERT_TRUE(both_nan ||
                  std::bit_cast<std::uint32_t>(got[i]) == std::bit_cast<std::uint32_t>(want[i]))
          << got[i] << " and " << want[i] << ", exponents from " << low;
    }
  }
}

}  // namespace
}  // namespace penstock::kernels
