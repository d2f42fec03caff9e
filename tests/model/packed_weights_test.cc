#include "model/packed_weights.h"

#include <gtest/gtest.h>

#include <bit>

#include "device/cpu/cpu_features.h"
#include "device/cpu/thread_team.h"
#include "formats/dequantize.h"
#include "kernels/cpu/kernels.h"
#include "tests/model/tiny_model.h"

namespace penstock::model {
namespace {

class PackedWeightsOf : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(All, PackedWeightsOf, ::testing::Range(0, 11), [](const auto& test) {
  return std::string(formats::info(static_cast<formats::DType>(test.param)).name);
});

void expect_same_values(const formats::TensorView& tensor, const kernels::PackedMatrix& packed,
                        const kernels::CpuKernels& kernels) {
  const std::size_t inputs = packed.num_inputs;
  std::vector<float> expected(tensor.num_values());
  formats::dequantize_row(tensor.dtype, tensor.bytes, expected);
  std::vector<float> panel(inputs * kernels::kPanelOutputs);
  for (std::uint32_t n = 0; n < packed.num_outputs; ++n) {
    if (n % kernels::kPanelOutputs == 0) {
      kernels.unpack_panel(packed, n / kernels::kPanelOutputs, panel.data());
    }
    for (std::size_t k = 0; k < inputs; ++k) {
      const float got = panel[k * kernels::kPanelOutputs + n % kernels::kPanelOutputs];
      ASSERT_EQ(std::bit_cast<std::uint32_t>(got),
                std::bit_cast<std::uint32_t>(expected[n * inputs + k]))
          << tensor.name << " [" << n << ", " << k << "]: " << got;
    }
  }
}

// formats and kernels each know the encodings by themselves; here they meet.
TEST_P(PackedWeightsOf, have_the_bits_that_the_file_format_defines) {
  const testing::TempDir directory;
  testing::TinyModelSpec spec{.hidden_size = 256,
                              .intermediate_size = 512,
                              .num_layers = 1,
                              .head_dim = 64,
                              .dtype = static_cast<formats::DType>(GetParam())};
  testing::TinyModel(spec).write_gguf(directory.path() / "tiny.gguf");
  const auto files = ModelFiles::open(directory.path() / "tiny.gguf");
  ASSERT_TRUE(files) << files.error().message();
  device::ThreadTeam team(2);
  const auto packed = pack_weights((*files)->weights(), team);
  ASSERT_TRUE(packed) << packed.error().message();
  const kernels::CpuKernels& kernels = kernels::best_cpu_kernels(device::detect_cpu_features());
  const LayerWeights& layer = (*files)->weights().layers[0];
  expect_same_values(*layer.q, packed->layers[0].q, kernels);
  expect_same_values(*layer.v, packed->layers[0].v, kernels);
  expect_same_values(*layer.down, packed->layers[0].down, kernels);
  expect_same_values(*(*files)->weights().head, packed->head, kernels);
}

}  // namespace
}  // namespace penstock::model
