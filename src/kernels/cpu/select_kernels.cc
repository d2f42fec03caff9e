#include "kernels/cpu/kernel_tables.h"

namespace penstock::kernels {

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
