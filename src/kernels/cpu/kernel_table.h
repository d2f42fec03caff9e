// The table of one instruction set, made from the algorithms and its sixteen lanes.
#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/math.h"
#include "kernels/cpu/unpack.h"

namespace penstock::kernels {

template <class S>
struct KernelTable {
  static void gemm_f32(const GemmArgs& args) noexcept { Gemm<S, F32Steps<S>>::run(args); }
  static void gemm_bf16(const GemmArgs& args) noexcept { Gemm<S, BF16Steps<S>>::run(args); }
  static void unpack_panel(const PackedMatrix& matrix, std::uint32_t panel, float* out) noexcept {
    const std::byte* bytes = matrix.panels + panel * matrix.panel_bytes();
    for (std::uint32_t k = 0; k < matrix.num_inputs; k += 256) {
      const std::uint32_t count = matrix.num_inputs - k < 256 ? matrix.num_inputs - k : 256;
      unpack<S>(matrix, bytes, k, count, [&](std::uint32_t pair, auto even, auto odd) {
        S::store(out + 16 * (std::size_t{k} + 2 * pair), even);
        if (2 * pair + 1 < count) S::store(out + 16 * (std::size_t{k} + 2 * pair + 1), odd);
      });
    }
  }
  static void rms_norm(const RmsNormArgs& args) noexcept { rms_norm_row<S>(args); }
  static void swiglu(const SwigluArgs& args) noexcept { swiglu_row<S>(args); }
  static void attend_f32(const AttentionArgs& args) noexcept { Attention<S, F32Kv<S>>::run(args); }
  static void attend_bf16(const AttentionArgs& args) noexcept {
    Attention<S, BF16Kv<S>>::run(args);
  }
  static void exp_values(const float* x, float* out, std::size_t size) noexcept {
    for (std::size_t i = 0; i < size; i += 16) {
      const auto count = static_cast<std::uint32_t>(size - i < 16 ? size - i : 16);
      store_activation<S>(ActivationType::kF32, out + i, 0, count,
                          exp<S>(load_some<S>(x + i, count)));
    }
  }

  static constexpr CpuKernels make(CpuIsa isa, const char* name) {
    return {isa,      name,   gemm_f32,   gemm_bf16,   unpack_panel,
            rms_norm, swiglu, attend_f32, attend_bf16, exp_values};
  }
};

}  // namespace penstock::kernels
