#include <array>
#include <bit>

#include "kernels/cpu/kernel_tables.h"

namespace penstock::kernels {
namespace {

constexpr std::uint32_t kProbeInputs = 128;
constexpr std::uint32_t kProbeRows = 8;

// bf16 numbers from a small generator, with exponents in [low, low + 32).
template <std::size_t Size>
void fill_probe(std::array<std::uint16_t, Size>& numbers, std::uint32_t low, std::uint32_t seed) {
  for (std::uint16_t& number : numbers) {
    seed = seed * 1664525U + 1013904223U;
    const std::uint32_t exponent = low + (seed >> 27);
    number = static_cast<std::uint16_t>((seed >> 8 & 0x807FU) | (exponent << 7));
  }
}

using ProbeBits = std::array<std::uint32_t, kPanelOutputs * kProbeRows>;

// Products of ordinary, subnormal and cancelling size: where one instruction for a bf16 dot product
// may differ from another.
ProbeBits probe(const CpuKernels& kernels, std::uint32_t low) {
  alignas(64) std::array<std::uint16_t, kPanelOutputs * kProbeInputs> weights;
  alignas(64) std::array<std::uint16_t, kProbeRows * kProbeInputs> x;
  std::array<float, kPanelOutputs * kProbeRows> y{};
  fill_probe(weights, low, 1);
  fill_probe(x, low, 2);
  kernels.gemm_bf16({.weights = {WeightType::kBF16, kPanelOutputs, kProbeInputs,
                                 reinterpret_cast<const std::byte*>(weights.data())},
                     .first_panel = 0,
                     .num_panels = 1,
                     .x = x.data(),
                     .x_stride = kProbeInputs,
                     .num_rows = kProbeRows,
                     .y = y.data(),
                     .y_stride = kPanelOutputs});
  return std::bit_cast<ProbeBits>(y);
}

}  // namespace

std::string_view arithmetic_family(const CpuKernels& kernels) {
  for (const std::uint32_t low : {110U, 44U}) {
    if (probe(kernels, low) != probe(kPortableKernels, low)) return kernels.name;
  }
  return "fma";
}

const CpuKernels* find_cpu_kernels(CpuIsa isa, const device::CpuFeatures& features) {
  switch (isa) {
    case CpuIsa::kPortable:
      return &kPortableKernels;
#if defined(__x86_64__)
    case CpuIsa::kAvx2:
      return features.avx2_fma ? &kAvx2Kernels : nullptr;
    case CpuIsa::kAvx512:
      return features.avx512 ? &kAvx512Kernels : nullptr;
    case CpuIsa::kAvx512Bf16:
      return features.avx512_bf16 ? &kAvx512Bf16Kernels : nullptr;
#endif
    default:
      return nullptr;
  }
}

const CpuKernels& best_cpu_kernels(const device::CpuFeatures& features) {
  for (const CpuIsa isa : {CpuIsa::kAvx512Bf16, CpuIsa::kAvx512, CpuIsa::kAvx2}) {
    if (const CpuKernels* kernels = find_cpu_kernels(isa, features)) return *kernels;
  }
  return kPortableKernels;
}

}  // namespace penstock::kernels
