// Compiled for AVX-512 F, BW, DQ and VL.
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/kernel_tables.h"
#include "kernels/cpu/simd_avx512.h"

namespace penstock::kernels {

constexpr CpuKernels kAvx512Kernels =
    KernelTable<Avx512Simd<false>>::make(CpuIsa::kAvx512, "avx512");

}  // namespace penstock::kernels
