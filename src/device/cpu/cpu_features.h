// What the processor, and the system's state saving, can run. Threading: values.
#pragma once

#include <string>

namespace penstock::device {

struct CpuFeatures {
  bool avx2_fma = false;  // AVX2, FMA and F16C together
  bool avx512 = false;    // F, BW, DQ and VL together
  bool avx512_bf16 = false;
  bool avx512_vnni = false;

  friend bool operator==(const CpuFeatures&, const CpuFeatures&) = default;
};

// All false on a processor that is not x86-64.
[[nodiscard]] CpuFeatures detect_cpu_features() noexcept;

// "avx2 avx512 avx512-bf16", or "baseline": for the log.
[[nodiscard]] std::string to_string(const CpuFeatures& features);

}  // namespace penstock::device
