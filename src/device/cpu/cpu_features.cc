#include "device/cpu/cpu_features.h"

namespace penstock::device {

CpuFeatures detect_cpu_features() noexcept {
  CpuFeatures features;
#if defined(__x86_64__)
  __builtin_cpu_init();
  features.avx2_fma = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                      __builtin_cpu_supports("f16c") != 0;
  features.avx512 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
  features.avx512_bf16 = features.avx512 && __builtin_cpu_supports("avx512bf16") != 0;
  features.avx512_vnni = features.avx512 && __builtin_cpu_supports("avx512vnni") != 0;
#endif
  return features;
}

std::string to_string(const CpuFeatures& features) {
  std::string text;
  const auto add = [&text](bool has, const char* name) {
    if (!has) return;
    if (!text.empty()) text += ' ';
    text += name;
  };
  add(features.avx2_fma, "avx2");
  add(features.avx512, "avx512");
  add(features.avx512_bf16, "avx512-bf16");
  add(features.avx512_vnni, "avx512-vnni");
  return text.empty() ? "baseline" : text;
}

}  // namespace penstock::device
