// A logit and its token id as one 64-bit key: larger is better, at equal values the lower id is.
// A NaN is better than anything, so that it is found.
#pragma once

#include <cstdint>

namespace penstock::kernels::cuda {

inline constexpr std::uint32_t kNanRank = 0xFFFFFFFFU;  // above the rank of +infinity, 0xFF800000

__device__ __forceinline__ std::uint64_t make_key(float logit, std::uint32_t token_id) {
  std::uint32_t bits = __float_as_uint(logit);
  if (bits == 0x80000000U) bits = 0;
  std::uint32_t rank = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  if (isnan(logit)) rank = kNanRank;
  return (static_cast<std::uint64_t>(rank) << 32) | ~token_id;
}
__device__ __forceinline__ std::uint32_t token_of_key(std::uint64_t key) {
  return ~static_cast<std::uint32_t>(key);
}
__device__ __forceinline__ std::uint32_t rank_of_key(std::uint64_t key) {
  return static_cast<std::uint32_t>(key >> 32);
}
__device__ __forceinline__ std::uint64_t larger(std::uint64_t a, std::uint64_t b) {
  return a > b ? a : b;
}

}  // namespace penstock::kernels::cuda
