// What the parts of decode_step.cu share: the plan of a launch, a block's shared memory, the state
// of a computing thread, and the barrier between blocks.
#pragma once

#include <cstdint>

#include "kernels/cuda/attention_segment.cuh"
#include "kernels/cuda/decode_step.h"
#include "kernels/cuda/weight_stream.cuh"

namespace penstock::kernels::cuda {

inline constexpr int kScratchBytes = 36 * 1024;

static_assert(kAttentionThreads == kComputeThreads);
static_assert(segment_shared_bytes<128>(kMaxGroup) + 16 <= kScratchBytes);

// What the launch computes once for all blocks.
struct Plan {
  DecodeStepArgs args;
  Matrix matrices[kNumMatrices];
};

// Arguments, layers and positions are here because what is in L1 is lost at every grid barrier.
struct Shared {
  Ring ring;
  alignas(16) std::uint8_t scratch[kScratchBytes];  // partial sums, or attention
  alignas(16) std::uint16_t norm[kDecodeMaxDim];    // weights of the next norm
  float squares[kSlices][kDecodeMaxRows];
  Plan plan;
  DecodeLayer layers[kDecodeMaxLayers];
  std::int32_t positions[kDecodeMaxRows];
  std::uint32_t is_last;
};
static_assert(sizeof(Shared) <= 227 * 1024);

// Nothing takes its address, so that all of it is in registers.
struct Step {
  Shared& shared;
  const DecodeStepArgs& args;
  int warp;
  int lane;
  RingPosition at;
  Deal deal;
  std::uint32_t barriers_passed = 0;
};

__device__ __forceinline__ void sync_compute() {
  sync_attention();  // of the same eight warps
}

__device__ __forceinline__ std::uint32_t load_acquire(const std::uint32_t* from) {
  std::uint32_t value = 0;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
  return value;
}

// All computing threads of all blocks; what was written before it can be read after it.
__device__ __forceinline__ void sync_grid(Step& step) {
  sync_compute();
  ++step.barriers_passed;
  if (threadIdx.x == 0) {
    std::uint32_t* count = step.args.scratch.sync;
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(count) : "memory");
    const std::uint32_t wanted = step.barriers_passed * gridDim.x;
    while (load_acquire(count) < wanted) {
    }
  }
  sync_compute();
}

// One thread of a block: the last block to come leaves the barrier as it was found; all others are
// past it.
__device__ __forceinline__ void leave_grid(std::uint32_t* sync) {
  if (atomicAdd(sync + 1, 1U) + 1 == gridDim.x) {
    sync[0] = 0;
    sync[1] = 0;
  }
}

}  // namespace penstock::kernels::cuda
