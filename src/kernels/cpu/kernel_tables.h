// The tables that this build has; internal to the room.
#pragma once

#include "kernels/cpu/kernels.h"

namespace penstock::kernels {

extern const CpuKernels kPortableKernels;
extern const CpuKernels kAvx2Kernels;
extern const CpuKernels kAvx512Kernels;
extern const CpuKernels kAvx512Bf16Kernels;

}  // namespace penstock::kernels
