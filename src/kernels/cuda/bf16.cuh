// bf16 in registers: bits to f32 and back, one value or a 16-byte vector of eight at a time.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

namespace penstock::kernels::cuda {

__device__ __forceinline__ float bf16_low(std::uint32_t pair) {
  return __uint_as_float(pair << 16);
}
__device__ __forceinline__ float bf16_high(std::uint32_t pair) {
  return __uint_as_float(pair & 0xFFFF0000U);
}
__device__ __forceinline__ float bf16_to_float(std::uint16_t bits) {
  return __uint_as_float(static_cast<std::uint32_t>(bits) << 16);
}
// Round to nearest, ties to even.
__device__ __forceinline__ std::uint16_t float_to_bf16(float value) {
  return __bfloat16_as_ushort(__float2bfloat16_rn(value));
}
__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  return static_cast<std::uint32_t>(float_to_bf16(low)) |
         (static_cast<std::uint32_t>(float_to_bf16(high)) << 16);
}

struct Float8 {
  float value[8];
};
__device__ __forceinline__ Float8 unpack8(uint4 bits) {
  return {bf16_low(bits.x), bf16_high(bits.x), bf16_low(bits.y), bf16_high(bits.y),
          bf16_low(bits.z), bf16_high(bits.z), bf16_low(bits.w), bf16_high(bits.w)};
}
__device__ __forceinline__ uint4 pack8(const Float8& v) {
  return {pack_bf16(v.value[0], v.value[1]), pack_bf16(v.value[2], v.value[3]),
          pack_bf16(v.value[4], v.value[5]), pack_bf16(v.value[6], v.value[7])};
}

}  // namespace penstock::kernels::cuda
