// Barriers in shared memory that count arrivals and bytes (PTX mbarrier), and the bulk copies that
// complete on them.
//
// Wait, load and arrive are volatile and so keep their order among each other. They do not claim to
// change all memory: the state of a loop around them would leave its registers at every stage.
#pragma once

#include <cstdint>

#include "kernels/cuda/cp_async.cuh"

namespace penstock::kernels::cuda {

// One thread; then fence_mbarriers, then a barrier of the block.
__device__ __forceinline__ void init_mbarrier(std::uint64_t* barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}
__device__ __forceinline__ void fence_mbarriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Until the phase of this parity is over; a fresh barrier's "phase before" has parity 1.
__device__ __forceinline__ void wait_mbarrier(std::uint32_t barrier, std::uint32_t parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n"
      "}" ::"r"(barrier),
      "r"(parity));
}
__device__ __forceinline__ void arrive_mbarrier(std::uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier));
}

// The one arrival of a barrier that counts bytes, and how many will come.
__device__ __forceinline__ void expect_bytes(std::uint32_t barrier, std::uint32_t num_bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
               "r"(num_bytes));
}
// 16-byte aligned, a multiple of 16 bytes. What is read once a step must not push out of L2 what is
// read again: it is the first to be evicted.
__device__ __forceinline__ std::uint64_t evict_first_policy() {
  std::uint64_t policy = 0;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}
__device__ __forceinline__ void copy_bulk(std::uint32_t shared, const void* global,
                                          std::uint32_t num_bytes, std::uint32_t barrier,
                                          std::uint64_t policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], "
      "[%1], %2, [%3], %4;" ::"r"(shared),
      "l"(global), "r"(num_bytes), "r"(barrier), "l"(policy));
}

__device__ __forceinline__ uint4 load_shared(std::uint32_t from) {
  uint4 bits;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w)
               : "r"(from));
  return bits;
}

}  // namespace penstock::kernels::cuda
