// A block of 16 warps per multiprocessor owns a contiguous range of 16-row tiles of w and walks it
// two tiles at a time. Warp s computes slice s of K for both tiles. Each thread streams exactly the
// weights it will multiply through its own ring in shared memory (cp.async, kStages deep), so the
// stream needs no barrier and runs on across tile borders while the block adds its slices.
#include <cstddef>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/cp_async.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/skinny_gemm.h"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = kGemmSlices * 32;
constexpr int kChunk = 32;     // k of one ring stage
constexpr int kTileRows = 16;  // rows of w in one product
constexpr int kItemRows = 32;  // two tiles share the loads of x
constexpr int kStages = 4;
constexpr int kPiecesPerStage = 4;  // 16-byte pieces of a thread: rows g, g+8, g+16, g+24
constexpr int kRingBytes = kStages * kPiecesPerStage * kNumThreads * 16;
// Floats between two rows of x in the partial sums. 36 would free the stores of their two-way bank
// conflicts, and cost the two-tile kernel a step of the shared memory carve-out: 32 KiB of L1.
constexpr int kSumStride = 34;

__host__ __device__ constexpr int shared_bytes(int m_tiles) {
  return kRingBytes + (kGemmSlices * m_tiles * 8 * kSumStride * static_cast<int>(sizeof(float)));
}

// Walks (item, chunk) pairs of one warp's slice: all its chunks of an item, then the next item.
struct Cursor {
  int tile;   // first tile of the item
  int chunk;  // slice, slice + kGemmSlices, ...
};

__device__ __forceinline__ void advance(Cursor& cursor, int slice, int num_chunks) {
  cursor.chunk += kGemmSlices;
  if (cursor.chunk >= num_chunks) {
    cursor.chunk = slice;
    cursor.tile += kItemRows / kTileRows;
  }
}

// Starts the copies of one stage; a group is committed even when there is nothing left, so that
// the count of groups in flight stays kStages - 1.
__device__ __forceinline__ void fetch(const SkinnyGemmArgs& args, Cursor cursor, int end_tile,
                                      std::uint32_t ring_stage) {
  if (cursor.tile < end_tile) {
    const int lane = threadIdx.x % 32;
    const std::size_t stride = args.num_inputs;
    const std::uint16_t* w =
        args.w + ((static_cast<std::size_t>(cursor.tile) * kTileRows + lane / 4) * stride) +
        (cursor.chunk * kChunk) + (lane % 4 * 8);
    copy16_async(ring_stage, w);
    copy16_async(ring_stage + (kNumThreads * 16), w + (8 * stride));
    if (cursor.tile + 1 < end_tile) {
      copy16_async(ring_stage + (2 * kNumThreads * 16), w + (16 * stride));
      copy16_async(ring_stage + (3 * kNumThreads * 16), w + (24 * stride));
    }
  }
  commit_copies();
}

template <int m_tiles>
__device__ __forceinline__ void store_partial(float* sums, const Fragment (&acc)[2][m_tiles],
                                              int slice, int lane) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int mt = 0; mt < m_tiles; ++mt) {
      // c0, c1: w row g, x rows 2t and 2t + 1; c2, c3: w row g + 8.
      float* at = sums + (((slice * m_tiles * 8) + (mt * 8) + (lane % 4 * 2)) * kSumStride) +
                  (half * kTileRows) + (lane / 4);
      at[0] = acc[half][mt].c[0];
      at[kSumStride] = acc[half][mt].c[1];
      at[8] = acc[half][mt].c[2];
      at[kSumStride + 8] = acc[half][mt].c[3];
    }
  }
}

// Adds the slices in ascending order and writes the item's outputs: one thread an output.
template <int m_tiles>
__device__ __forceinline__ void write_item(const SkinnyGemmArgs& args, const float* sums, int tile,
                                           int end_tile) {
  const int m = threadIdx.x / kItemRows;
  const int row = threadIdx.x % kItemRows;
  const bool has_row = row < kTileRows || tile + 1 < end_tile;
  if (m >= args.num_rows || !has_row) return;
  const float* at = sums + (m * kSumStride) + row;
  float sum = at[0];
#pragma unroll
  for (int slice = 1; slice < kGemmSlices; ++slice) {
    sum += at[slice * m_tiles * 8 * kSumStride];
  }
  const std::size_t index =
      (static_cast<std::size_t>(m) * args.num_outputs) + (tile * kTileRows) + row;
  if (args.y_f32 != nullptr) {
    args.y_f32[index] = sum;
  } else {
    args.y_bf16[index] = float_to_bf16(sum);
  }
}

template <int m_tiles>
__global__ void __launch_bounds__(kNumThreads, 1) skinny_gemm_kernel(SkinnyGemmArgs args) {
  extern __shared__ __align__(16) std::uint8_t shared[];
  float* sums = reinterpret_cast<float*>(shared + kRingBytes);
  const int lane = threadIdx.x % 32;
  const int slice = threadIdx.x / 32;
  const int num_chunks = args.num_inputs / kChunk;
  const long long num_tiles = args.num_outputs / kTileRows;
  const int first_tile = static_cast<int>(num_tiles * blockIdx.x / gridDim.x);
  const int end_tile = static_cast<int>(num_tiles * (blockIdx.x + 1) / gridDim.x);

  // A slice without chunks (K < 512) has nothing to fetch and adds zeros.
  const bool has_chunks = slice < num_chunks;
  const std::uint32_t ring = shared_address(shared) + (threadIdx.x * 16);
  constexpr std::uint32_t kStageBytes = kPiecesPerStage * kNumThreads * 16;
  Cursor ahead{has_chunks ? first_tile : end_tile, slice};
#pragma unroll
  for (int stage = 0; stage < kStages - 1; ++stage) {
    fetch(args, ahead, end_tile, ring + (stage * kStageBytes));
    advance(ahead, slice, num_chunks);
  }

  int stage = 0;
  for (int tile = first_tile; tile < end_tile; tile += kItemRows / kTileRows) {
    Fragment acc[2][m_tiles] = {};
    for (int chunk = slice; chunk < num_chunks; chunk += kGemmSlices) {
      uint4 x[m_tiles];
#pragma unroll
      for (int mt = 0; mt < m_tiles; ++mt) {
        const int m = (mt * 8) + (lane / 4);
        x[mt] = make_uint4(0, 0, 0, 0);
        if (m < args.num_rows) {
          x[mt] = __ldg(reinterpret_cast<const uint4*>(
              args.x + (static_cast<std::size_t>(m) * args.num_inputs) + (chunk * kChunk) +
              (lane % 4 * 8)));
        }
      }
      // The stage read in the last round is free again: its reads are in registers and used.
      const int free_stage = (stage + kStages - 1) % kStages;
      fetch(args, ahead, end_tile, ring + (free_stage * kStageBytes));
      advance(ahead, slice, num_chunks);
      wait_copies<kStages - 1>();

      const uint4* pieces =
          reinterpret_cast<const uint4*>(shared + (stage * kStageBytes)) + threadIdx.x;
      const uint4 w0 = pieces[0];
      const uint4 w1 = pieces[kNumThreads];
      const uint4 w2 = pieces[2 * kNumThreads];
      const uint4 w3 = pieces[3 * kNumThreads];
#pragma unroll
      for (int mt = 0; mt < m_tiles; ++mt) {
        multiply_chunk(acc[0][mt], w0, w1, x[mt]);
        multiply_chunk(acc[1][mt], w2, w3, x[mt]);  // rows past the range: never written
      }
      stage = (stage + 1) % kStages;
    }
    store_partial<m_tiles>(sums, acc, slice, lane);
    __syncthreads();
    write_item<m_tiles>(args, sums, tile, end_tile);
    __syncthreads();
  }
}

template <int m_tiles>
cudaError_t raise_limit() {
  return cudaFuncSetAttribute(skinny_gemm_kernel<m_tiles>,
                              cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes(m_tiles));
}

template <int m_tiles>
cudaError_t launch(const SkinnyGemmArgs& args, cudaStream_t stream) {
  const int num_tiles = args.num_outputs / kTileRows;
  const int num_blocks =
      num_tiles < args.num_multiprocessors ? num_tiles : args.num_multiprocessors;
  skinny_gemm_kernel<m_tiles><<<num_blocks, kNumThreads, shared_bytes(m_tiles), stream>>>(args);
  return cudaGetLastError();
}

}  // namespace

cudaError_t prepare_skinny_gemm() {
  const cudaError_t code = raise_limit<1>();
  return code != cudaSuccess ? code : raise_limit<2>();
}

cudaError_t launch_skinny_gemm(const SkinnyGemmArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.num_rows > kGemmMaxRows || args.num_outputs < kTileRows ||
      args.num_outputs % kTileRows != 0 || args.num_inputs < kChunk ||
      args.num_inputs % kChunk != 0 || args.num_multiprocessors < 1 ||
      (args.y_bf16 == nullptr) == (args.y_f32 == nullptr)) {
    return cudaErrorInvalidValue;
  }
  return args.num_rows <= 8 ? launch<1>(args, stream) : launch<2>(args, stream);
}

}  // namespace penstock::kernels::cuda
