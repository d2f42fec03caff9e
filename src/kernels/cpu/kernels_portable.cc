// Compiled for any processor; fused steps call the C library where there is no such instruction.
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/kernel_tables.h"
#include "kernels/cpu/simd_generic.h"

namespace penstock::kernels {
namespace {
struct PortableTarget;
}  // namespace

constexpr CpuKernels kPortableKernels =
    KernelTable<GenericSimd<PortableTarget>>::make(CpuIsa::kPortable, "portable");

}  // namespace penstock::kernels
