// Random matrices in every encoding, and the kernel tables that this machine can run.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "device/cpu/cpu_features.h"
#include "device/cpu/host_buffer.h"
#include "kernels/cpu/kernels.h"
#include "kernels/half.h"
#include "kernels/ref/dequantize.h"
#include "kernels/weight_type.h"

namespace penstock::kernels {

// f16 bits of a positive number between 2^-10 and 2^-6: scales like those of real files.
inline std::uint16_t random_f16_scale(std::mt19937& random) {
  return static_cast<std::uint16_t>(((5 + random() % 4) << 10) | (random() & 0x3FFU));
}

inline void put_f16(std::vector<std::byte>& bytes, std::size_t at, std::uint16_t value) {
  std::memcpy(bytes.data() + at, &value, 2);
}

// `num_rows` rows of `num_values` in the layout of a file: random bits, with sane scales.
inline std::vector<std::byte> random_rows(WeightType type, std::size_t num_rows,
                                          std::size_t num_values, std::mt19937& random) {
  const WeightTypeInfo layout = info(type);
  std::vector<std::byte> bytes(num_rows * row_bytes(type, num_values));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  std::normal_distribution<float> normal(0.0F, 0.05F);
  for (std::size_t at = 0; at < bytes.size(); at += layout.block_bytes) {
    const float value = normal(random);
    switch (type) {
      case WeightType::kF32:
        std::memcpy(bytes.data() + at, &value, 4);
        break;
      case WeightType::kBF16:
        put_f16(bytes, at, f32_to_bf16(value));
        break;
      case WeightType::kF16: {
        const auto sign = static_cast<std::uint16_t>((random() & 1U) << 15);
        put_f16(bytes, at, static_cast<std::uint16_t>(random_f16_scale(random) | sign));
        break;
      }
      case WeightType::kQ4_1:
      case WeightType::kQ5_1:
      case WeightType::kQ4_K:
      case WeightType::kQ5_K:
        put_f16(bytes, at + 2, static_cast<std::uint16_t>(random_f16_scale(random) | 0x8000U));
        [[fallthrough]];
      case WeightType::kQ4_0:
      case WeightType::kQ5_0:
      case WeightType::kQ8_0:
        put_f16(bytes, at, random_f16_scale(random));
        break;
      case WeightType::kQ6_K:
        put_f16(bytes, at + 208, random_f16_scale(random));
        break;
    }
  }
  return bytes;
}

inline std::vector<float> dequantized(WeightType type, const std::vector<std::byte>& rows,
                                      std::size_t num_values) {
  std::vector<float> out(rows.size() / row_bytes(type, num_values) * num_values);
  ref::dequantize(type, rows, out);
  return out;
}

struct PackedRows {
  PackedMatrix matrix;
  device::HostBuffer memory;
};

inline PackedRows pack(WeightType type, const std::vector<std::byte>& rows, std::uint32_t outputs,
                       std::uint32_t inputs) {
  PackedRows packed{{type, outputs, inputs, nullptr}, {}};
  packed.memory = *device::HostBuffer::allocate(packed.matrix.total_bytes());
  for (std::uint32_t panel = 0; panel < packed.matrix.num_panels(); ++panel) {
    pack_panel(packed.matrix, rows, panel,
               packed.memory.data() + panel * packed.matrix.panel_bytes());
  }
  packed.matrix.panels = packed.memory.data();
  return packed;
}

inline std::vector<float> random_values(std::size_t size, std::mt19937& random,
                                        float deviation = 1.0F) {
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<float> values(size);
  for (float& value : values) value = normal(random);
  return values;
}

inline std::vector<const CpuKernels*> runnable_kernels() {
  const device::CpuFeatures features = device::detect_cpu_features();
  std::vector<const CpuKernels*> tables;
  for (const CpuIsa isa :
       {CpuIsa::kPortable, CpuIsa::kAvx2, CpuIsa::kAvx512, CpuIsa::kAvx512Bf16}) {
    if (const CpuKernels* table = find_cpu_kernels(isa, features)) tables.push_back(table);
  }
  return tables;
}

// Equal bits, so that -0 differs from 0 and a NaN equals itself.
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

struct KernelName {
  template <class Info>
  std::string operator()(const Info& test) const {
    std::string name = test.param->name;
    for (char& c : name) c = c == '-' ? '_' : c;
    return name;
  }
};

}  // namespace penstock::kernels
