// Compiled for AVX2, FMA and F16C.
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/kernel_tables.h"
#include "kernels/cpu/simd_generic.h"

namespace penstock::kernels {
namespace {
struct Avx2Target;
}  // namespace

constexpr CpuKernels kAvx2Kernels =
    KernelTable<GenericSimd<Avx2Target>>::make(CpuIsa::kAvx2, "avx2");

}  // namespace penstock::kernels
