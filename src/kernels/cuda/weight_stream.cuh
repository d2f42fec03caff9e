// The stream of weights through one block of decode_step.cu: which tiles of which matrix it owns,
// and the ring of shared memory they pass through.
//
// Tiles are dealt to blocks in turn, matrix after matrix without starting over, so that shares even
// out. The unit of the ring is a stage: sixteen chunks of one tile, two for each computing warp
// (weight_panels.h). One thread copies (bulk copies that complete on an mbarrier), all others
// consume; both walk the same `Deal`.
#pragma once

#include <cstdint>

#include "kernels/cuda/cp_async.cuh"
#include "kernels/cuda/decode_step.h"
#include "kernels/cuda/weight_panels.h"

namespace penstock::kernels::cuda {

inline constexpr int kComputeWarps = 8;
inline constexpr int kComputeThreads = kComputeWarps * 32;
inline constexpr int kSlices = 16;  // of K: slice s has the chunks s, s + 16, ...
inline constexpr int kStageBytes = kSlices * kPanelChunkBytes;
inline constexpr int kRingStages = 10;

struct Ring {
  alignas(128) std::uint8_t stages[kRingStages][kStageBytes];
  alignas(8) std::uint64_t full[kRingStages];   // one arrival, and the stage's bytes
  alignas(8) std::uint64_t empty[kRingStages];  // an arrival of every computing warp
};

// Where a walker of the ring stands.
struct RingPosition {
  int stage;
  std::uint32_t parity;

  __device__ __forceinline__ void advance() {
    if (++stage == kRingStages) {
      stage = 0;
      parity ^= 1U;
    }
  }
};

__device__ __forceinline__ void init_mbarrier(std::uint64_t* barrier, std::uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}
// Wait, load and arrive are volatile and so keep their order among each other. They do not claim to
// change all memory: the state of the loop around them would leave its registers at every stage.
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
__device__ __forceinline__ uint4 load_stage(std::uint32_t from) {
  uint4 bits;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w)
               : "r"(from));
  return bits;
}

__device__ __forceinline__ void init_ring(Ring& ring) {
  for (int i = 0; i < kRingStages; ++i) {
    init_mbarrier(&ring.full[i], 1);
    init_mbarrier(&ring.empty[i], kComputeWarps);
  }
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// The matrices of a layer in the order they are used, then the head.
enum MatrixName : int { kQkv, kOut, kGateUp, kDown, kHead };
inline constexpr int kNumMatrices = 5;

struct Matrix {
  int num_tiles;
  int num_chunks;      // of a tile
  int tiles_per_item;  // 1, or 2 neighbours that are computed together
};

// Pairs share the loads of activations; taken where they leave no block with more tiles to do.
inline bool pairs_are_free(int num_tiles, int num_blocks) {
  const int singles = (num_tiles + num_blocks - 1) / num_blocks;
  const int pairs = ((num_tiles / 2) + num_blocks - 1) / num_blocks;
  return num_tiles % 2 == 0 && 2 * pairs <= singles;
}

inline Matrix matrix_of(const DecodeShape& shape, MatrixName name, int num_blocks) {
  const auto make = [&](int num_outputs, int num_inputs) {
    const int num_tiles = num_outputs / kPanelRows;
    const bool in_pairs = name == kGateUp || pairs_are_free(num_tiles, num_blocks);
    return Matrix{num_tiles, num_inputs / kPanelChunk, in_pairs ? 2 : 1};
  };
  switch (name) {
    case kQkv:
      return make(shape.qkv_dim(), shape.dim);
    case kOut:
      return make(shape.dim, shape.q_dim());
    case kGateUp:
      return make(2 * shape.inner, shape.dim);
    case kDown:
      return make(shape.dim, shape.inner);
    case kHead:
      break;
  }
  return make(shape.vocab_size, shape.dim);
}

// This block's items of the matrix at hand: first(), then steps of the grid.
class Deal {
 public:
  __device__ __forceinline__ int first() const {
    const int item = static_cast<int>(blockIdx.x) - start_;
    return item < 0 ? item + static_cast<int>(gridDim.x) : item;
  }
  // The next matrix is dealt from where this one ended.
  __device__ __forceinline__ void next(const Matrix& matrix) {
    start_ = (start_ + (matrix.num_tiles / matrix.tiles_per_item)) % static_cast<int>(gridDim.x);
  }

 private:
  int start_;
};

// Copies this block's tiles of one matrix. One thread.
__device__ __forceinline__ void stream_matrix(const Matrix& matrix, const std::uint16_t* panels,
                                              const Deal& deal, Ring& ring, RingPosition& at) {
  const int num_items = matrix.num_tiles / matrix.tiles_per_item;
  for (int item = deal.first(); item < num_items; item += static_cast<int>(gridDim.x)) {
    for (int chunk = 0; chunk < matrix.num_chunks; chunk += kSlices) {
      const int left = matrix.num_chunks - chunk;
      const std::uint32_t num_bytes =
          static_cast<std::uint32_t>(left < kSlices ? left : kSlices) * kPanelChunkBytes;
      for (int i = 0; i < matrix.tiles_per_item; ++i) {
        const std::size_t tile = (static_cast<std::size_t>(item) * matrix.tiles_per_item) + i;
        const std::uint8_t* from =
            reinterpret_cast<const std::uint8_t*>(panels) +
            (((tile * matrix.num_chunks) + chunk) * static_cast<std::size_t>(kPanelChunkBytes));
        // The first round finds every stage empty.
        wait_mbarrier(shared_address(&ring.empty[at.stage]), at.parity ^ 1U);
        const std::uint32_t full = shared_address(&ring.full[at.stage]);
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(full),
                     "r"(num_bytes));
        asm volatile(
            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, "
            "[%3];" ::"r"(shared_address(ring.stages[at.stage])),
            "l"(from), "r"(num_bytes), "r"(full));
        at.advance();
      }
    }
  }
}

}  // namespace penstock::kernels::cuda
