// Compiled for AVX-512 F, BW, DQ, VL and BF16.
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/kernel_tables.h"
#include "kernels/cpu/simd_avx512.h"

namespace penstock::kernels {

constexpr CpuKernels kAvx512Bf16Kernels =
    KernelTable<Avx512Simd<true>>::make(CpuIsa::kAvx512Bf16, "avx512-bf16");

}  // namespace penstock::kernels
