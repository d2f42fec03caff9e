// The stream of one matrix's weights through a block's shared memory.
//
// A block owns a contiguous range of tiles (weight_panels.h), which it walks two at a time. The
// unit of the ring is a slab of 16 chunks: kSlices neighbouring ones of either tile of a pair, or
// twice as many of a tile that is left alone. All eight warps consume, two chunks a slab; one
// thread also copies (bulk copies that complete on an mbarrier): a ninth warp for it would cost the
// others a quarter of their registers.
#pragma once

#include <cstdint>

#include "kernels/cuda/mbarrier.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/weight_panels.h"

namespace penstock::kernels::cuda {

inline constexpr int kHalfSlabBytes = kSlices * kPanelChunkBytes;
inline constexpr int kSlabBytes = 2 * kHalfSlabBytes;

template <int num_stages>
struct WeightRing {
  alignas(128) std::uint8_t slabs[num_stages][kSlabBytes];
  alignas(8) std::uint64_t full[num_stages];   // one arrival, and the slab's bytes
  alignas(8) std::uint64_t empty[num_stages];  // an arrival of every warp
};

// Where a walker of the ring stands.
template <int num_stages>
struct RingPosition {
  int stage = 0;
  std::uint32_t parity = 0;

  __device__ __forceinline__ void advance() {
    if (++stage == num_stages) {
      stage = 0;
      parity ^= 1U;
    }
  }
};

struct TileRange {
  int first;
  int end;
};
// This block's share.
__device__ __forceinline__ TileRange tiles_of_block(int num_tiles) {
  const long long tiles = num_tiles;
  return {static_cast<int>(tiles * blockIdx.x / gridDim.x),
          static_cast<int>(tiles * (blockIdx.x + 1) / gridDim.x)};
}

// The copying side of the ring. Every thread has the state, which keeps it in uniform registers;
// thread 0 copies.
template <int num_stages>
class WeightStream {
 public:
  __device__ __forceinline__ WeightStream(const std::uint16_t* panels, TileRange tiles,
                                          int num_chunks)
      : from_(reinterpret_cast<const std::uint8_t*>(panels) +
              (static_cast<std::size_t>(tiles.first) * num_chunks * kPanelChunkBytes)),
        num_chunks_(num_chunks),
        num_tiles_(tiles.end - tiles.first) {}

  // Barriers ready for use, and all of the ring but one stage on its way. Then a barrier of the
  // block.
  __device__ __forceinline__ void start(WeightRing<num_stages>& ring) {
    if (threadIdx.x == 0) {
      for (int i = 0; i < num_stages; ++i) {
        init_mbarrier(&ring.full[i], 1);
        init_mbarrier(&ring.empty[i], kSlices);
      }
      fence_mbarriers();
    }
#pragma unroll 1
    for (int i = 0; i < num_stages - 1; ++i) copy_next(ring);
  }

  // The next slab into the oldest stage, once every warp is through with what was there.
  __device__ __forceinline__ void copy_next(WeightRing<num_stages>& ring) {
    if (num_tiles_ <= 0) return;
    const bool is_pair = num_tiles_ > 1;
    const int width = is_pair ? kSlices : 2 * kSlices;
    const int left = num_chunks_ - chunk_;
    const std::uint32_t num_bytes =
        static_cast<std::uint32_t>(left < width ? left : width) * kPanelChunkBytes;
    const std::uint8_t* from = from_ + (static_cast<std::size_t>(chunk_) * kPanelChunkBytes);
    const std::uint8_t* second = from + (static_cast<std::size_t>(num_chunks_) * kPanelChunkBytes);
    const std::uint32_t to = shared_address(ring.slabs[at_.stage]);
    const std::uint32_t full = shared_address(&ring.full[at_.stage]);
    const std::uint32_t empty = shared_address(&ring.empty[at_.stage]);
    if (threadIdx.x == 0) {
      wait_mbarrier(empty, at_.parity ^ 1U);
      expect_bytes(full, is_pair ? 2 * num_bytes : num_bytes);
      copy_bulk(to, from, num_bytes, full, policy_);
      if (is_pair) copy_bulk(to + kHalfSlabBytes, second, num_bytes, full, policy_);
    }
    at_.advance();
    chunk_ += width;
    if (chunk_ >= num_chunks_) {
      chunk_ = 0;
      from_ += 2 * static_cast<std::size_t>(num_chunks_) * kPanelChunkBytes;
      num_tiles_ -= 2;
    }
  }

 private:
  const std::uint8_t* from_;  // the pair at hand
  int num_chunks_;
  int num_tiles_;  // left
  int chunk_ = 0;
  RingPosition<num_stages> at_;
  std::uint64_t policy_ = evict_first_policy();
};

}  // namespace penstock::kernels::cuda
