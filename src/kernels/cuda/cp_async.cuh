// 16-byte copies from global to shared memory that a thread starts and later waits for (PTX
// cp.async). `cg` passes by L1: what is read once must not push out what is read again. A thread
// sees its own copies after wait; other threads need a barrier on top.
#pragma once

#include <cstdint>

namespace penstock::kernels::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}
__device__ __forceinline__ void copy16_async(std::uint32_t shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global) : "memory");
}
// Into L2, 128 bytes around the address.
__device__ __forceinline__ void prefetch_line(const void* global) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(global));
}
// Zeros, and nothing read, unless `is_read`.
__device__ __forceinline__ void copy16_or_zero_async(std::uint32_t shared, const void* global,
                                                     bool is_read) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global),
               "r"(is_read ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Until at most `pending` of this thread's newest groups are unfinished.
template <int pending>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

}  // namespace penstock::kernels::cuda
