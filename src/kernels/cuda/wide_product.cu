// A cluster of four or eight blocks does 128 outputs of up to 64 rows: each block two or one of the
// eight slices of K, whose sums meet in the cluster's shared memory, in the order of product.h. All
// threads copy a chunk at a time, weights and activations, through a ring (cp.async); weights need
// nothing of the kernels before and start before the wait.
//
// Two blocks share a multiprocessor: one streams while the other adds up. Row parts of the same
// outputs are neighbours in the grid, so that the second finds its weights in L2.
#include <cooperative_groups.h>

#include <cstddef>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/cp_async.cuh"
#include "kernels/cuda/grid_dependency.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/residual_rows.cuh"
#include "kernels/cuda/weight_panels.h"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 256;
constexpr int kNumWarps = kNumThreads / 32;
constexpr int kBlockTiles = 8;
constexpr int kBlockOutputs = kBlockTiles * kPanelRows;
constexpr int kStages = 8;
constexpr int kChunkPieces = kPanelChunkBytes / 16;  // of a tile
constexpr int kRowPieces = kPanelChunk / 8;          // of a row of x
constexpr int kSumStride = kBlockOutputs + 4;

// Warps split a block's outputs first, then its rows.
template <int num_rows>
struct Split {
  static constexpr int kRowGroups = num_rows / 32;  // of warps
  static constexpr int kTiles = kRowGroups;         // of a warp
  static constexpr int kRowTiles = 4;               // of eight rows, of a warp
};

template <int num_rows>
struct Stage {
  uint4 w[kBlockTiles][kChunkPieces];
  uint4 x[num_rows][kRowPieces];
};
template <int num_rows>
struct Shared {
  union {
    Stage<num_rows> stages[kStages];
    float sums[num_rows][kSumStride];
  };
  float scales[num_rows];
};
static_assert(sizeof(Shared<64>) + 1024 <= 228 * 1024 / 2);

// This block's share of a product: its tiles, its rows, and its place in the cluster.
struct Share {
  int first_tile;
  int num_tiles;
  int first_row;
  int num_rows;
  int rank;
  int num_chunks;  // of the matrix
};

template <int num_rows, int num_ranks>
__device__ __forceinline__ Share share_of_block(const ProductArgs& args) {
  const int parts = (args.num_rows + num_rows - 1) / num_rows;
  const int unit = static_cast<int>(blockIdx.x) / num_ranks;
  const int first_tile = unit / parts * kBlockTiles;
  const int first_row = unit % parts * num_rows;
  const int tiles = (args.num_outputs / kPanelRows) - first_tile;
  const int rows = args.num_rows - first_row;
  return {first_tile,
          tiles < kBlockTiles ? tiles : kBlockTiles,
          first_row,
          rows < num_rows ? rows : num_rows,
          static_cast<int>(blockIdx.x) % num_ranks,
          args.num_inputs / kPanelChunk};
}

// Walks a block's chunks: those of its first slice, then those of the second, if it has two.
struct ChunkWalk {
  int chunk;
  int slice;
  int num_chunks;

  __device__ __forceinline__ void advance() {
    chunk += kSlices;
    if (chunk >= num_chunks) chunk = ++slice;
  }
};

// What a thread copies of each chunk, its addresses computed once: two pieces of weights, and one
// of activations, if there are so many.
template <int num_rows>
class Copier {
 public:
  __device__ __forceinline__ Copier(const ProductArgs& args, const Share& share) {
    const auto thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int i = 0; i < kWeightPieces; ++i) {
      const int tile = (thread / kChunkPieces) + (i * (kNumThreads / kChunkPieces));
      has_tile_[i] = tile < share.num_tiles;
      const std::size_t row =
          static_cast<std::size_t>(share.first_tile + (has_tile_[i] ? tile : 0));
      weights_[i] = reinterpret_cast<const uint4*>(args.w) +
                    (row * share.num_chunks * kChunkPieces) + (thread % kChunkPieces);
    }
    const int row = thread / kRowPieces;
    has_row_ = row < share.num_rows;
    rows_ = reinterpret_cast<const uint4*>(args.x) +
            (static_cast<std::size_t>(share.first_row + (has_row_ ? row : 0)) * share.num_chunks *
             kRowPieces) +
            (thread % kRowPieces);
  }

  __device__ __forceinline__ void copy_weights(int chunk, Stage<num_rows>& stage) const {
    const std::uint32_t to = shared_address(&stage.w[0][0] + threadIdx.x);
#pragma unroll
    for (int i = 0; i < kWeightPieces; ++i) {
      copy16_or_zero_async(to + (i * kNumThreads * 16), weights_[i] + (chunk * kChunkPieces),
                           has_tile_[i]);
    }
  }
  __device__ __forceinline__ void copy_rows(int chunk, Stage<num_rows>& stage) const {
    if (threadIdx.x >= num_rows * kRowPieces) return;
    copy16_or_zero_async(shared_address(&stage.x[0][0] + threadIdx.x), rows_ + (chunk * kRowPieces),
                         has_row_);
  }

 private:
  static constexpr int kWeightPieces = kBlockTiles * kChunkPieces / kNumThreads;
  static_assert(num_rows * kRowPieces <= kNumThreads);

  const uint4* weights_[kWeightPieces];
  const uint4* rows_;
  bool has_tile_[kWeightPieces];
  bool has_row_;
};

template <int num_rows>
struct Sums {
  Fragment of[Split<num_rows>::kTiles][Split<num_rows>::kRowTiles];
};

template <int num_rows>
__device__ __forceinline__ void multiply_stage(const Stage<num_rows>& stage, Sums<num_rows>& sums) {
  using Shape = Split<num_rows>;
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int tile = warp / Shape::kRowGroups * Shape::kTiles;
  const int row = (warp % Shape::kRowGroups * 32) + (lane / 4);
  uint4 x[Shape::kRowTiles];
#pragma unroll
  for (int i = 0; i < Shape::kRowTiles; ++i) x[i] = stage.x[row + (8 * i)][lane % 4];
#pragma unroll
  for (int t = 0; t < Shape::kTiles; ++t) {
    const uint4 low = stage.w[tile + t][lane];
    const uint4 high = stage.w[tile + t][lane + 32];
#pragma unroll
    for (int i = 0; i < Shape::kRowTiles; ++i) {
      multiply_chunk(sums.of[t][i], low, high, x[i]);
    }
  }
}

__device__ __forceinline__ int chunks_of_slice(int slice, int num_chunks) {
  return slice < num_chunks ? ((num_chunks - slice - 1) / kSlices) + 1 : 0;
}

// One slice, or two added.
template <int num_rows, int num_ranks>
__device__ __forceinline__ Sums<num_rows> multiply_share(const ProductArgs& args,
                                                         const Share& share,
                                                         Shared<num_rows>& shared) {
  constexpr int kSlicesEach = kSlices / num_ranks;
  const int first_slice = share.rank * kSlicesEach;
  const int first_count = chunks_of_slice(first_slice, share.num_chunks);
  const int count = kSlicesEach == 1
                        ? first_count
                        : first_count + chunks_of_slice(first_slice + 1, share.num_chunks);
  const Copier<num_rows> copier(args, share);
  ChunkWalk ahead{first_slice, first_slice, share.num_chunks};
#pragma unroll 1
  for (int i = 0; i < kStages - 1 && i < count; ++i) {
    copier.copy_weights(ahead.chunk, shared.stages[i]);
    ahead.advance();
  }
  wait_for_grid_before();
  ahead = {first_slice, first_slice, share.num_chunks};
#pragma unroll 1
  for (int i = 0; i < kStages - 1; ++i) {
    if (i < count) copier.copy_rows(ahead.chunk, shared.stages[i]);
    commit_copies();
    ahead.advance();
  }
  Sums<num_rows> first{};
  Sums<num_rows> sums{};
#pragma unroll 1
  for (int i = 0; i < count; ++i) {
    if (kSlicesEach > 1 && i == first_count) {
      first = sums;
      sums = {};
    }
    wait_copies<kStages - 2>();
    __syncthreads();  // the stage is there, and everyone is through with the one before
    if (i + kStages - 1 < count) {
      Stage<num_rows>& stage = shared.stages[(i + kStages - 1) % kStages];
      copier.copy_weights(ahead.chunk, stage);
      copier.copy_rows(ahead.chunk, stage);
      ahead.advance();
    }
    commit_copies();
    multiply_stage<num_rows>(shared.stages[i % kStages], sums);
  }
  if (kSlicesEach == 1) return sums;
  if (count == first_count) {  // the second slice has no chunks
    first = sums;
    sums = {};
  }
#pragma unroll
  for (int t = 0; t < Split<num_rows>::kTiles; ++t) {
#pragma unroll
    for (int i = 0; i < Split<num_rows>::kRowTiles; ++i) {
#pragma unroll
      for (int c = 0; c < 4; ++c) sums.of[t][i].c[c] = first.of[t][i].c[c] + sums.of[t][i].c[c];
    }
  }
  return sums;
}

template <int num_rows>
__device__ __forceinline__ void store_sums(const Sums<num_rows>& sums, Shared<num_rows>& shared) {
  using Shape = Split<num_rows>;
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
  for (int t = 0; t < Shape::kTiles; ++t) {
    const int n = (((warp / Shape::kRowGroups * Shape::kTiles) + t) * kPanelRows) + (lane / 4);
#pragma unroll
    for (int i = 0; i < Shape::kRowTiles; ++i) {
      // c[0], c[1]: weight row g, rows 2t and 2t + 1 of x; c[2], c[3]: weight row g + 8.
      const int row = (warp % Shape::kRowGroups * 32) + (8 * i) + (lane % 4 * 2);
      shared.sums[row][n] = sums.of[t][i].c[0];
      shared.sums[row + 1][n] = sums.of[t][i].c[1];
      shared.sums[row][n + 8] = sums.of[t][i].c[2];
      shared.sums[row + 1][n + 8] = sums.of[t][i].c[3];
    }
  }
}

// What all blocks of the cluster have, in the order of product.h.
template <int num_rows, int num_ranks>
class ClusterSums {
 public:
  __device__ __forceinline__ explicit ClusterSums(Shared<num_rows>& shared) {
    const auto cluster = cooperative_groups::this_cluster();
#pragma unroll
    for (int i = 0; i < num_ranks; ++i) {
      of_[i] = cluster.map_shared_rank(&shared.sums[0][0], static_cast<unsigned>(i));
    }
  }
  __device__ __forceinline__ float at(int row, int n) const {
    const int index = (row * kSumStride) + n;
    float pairs[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      pairs[i] = num_ranks == 4 ? of_[i][index] : of_[2 * i][index] + of_[(2 * i) + 1][index];
    }
    return (pairs[0] + pairs[1]) + (pairs[2] + pairs[3]);
  }

 private:
  static_assert(num_ranks == 4 || num_ranks == 8);
  const float* of_[num_ranks];
};

// A block's part of the rows, a warp a row at a time, a lane an output.
template <int num_rows, int num_ranks>
__device__ __forceinline__ void write_outputs(const ProductArgs& args, const Share& share,
                                              Shared<num_rows>& shared) {
  const ClusterSums<num_rows, num_ranks> sums(shared);
  const int lane = static_cast<int>(threadIdx.x % 32);
  const int first_n = share.first_tile * kPanelRows;
  const int num_outputs = share.num_tiles * kPanelRows;
  for (int local = (share.rank * (num_rows / num_ranks)) + static_cast<int>(threadIdx.x / 32);
       local < (share.rank + 1) * (num_rows / num_ranks) && local < share.num_rows;
       local += kNumWarps) {
    const int row = share.first_row + local;
    float scale = 1.0F;
    if (args.x_squares != nullptr) {
      const std::size_t per_row = static_cast<std::size_t>(args.num_inputs) / kSquaresWidth;
      scale = norm_scale(args.x_squares + (row * per_row), args.num_inputs, args.epsilon);
    }
    if (args.kind == ProductKind::kSwiglu) {
      constexpr int kHalf = kPanelRows / 2;
      for (int i = lane; i < num_outputs / 2; i += 32) {
        const int n = (i / kHalf * kPanelRows) + (i % kHalf);
        const float gate = bf16_to_float(float_to_bf16(sums.at(local, n) * scale));
        const float up = bf16_to_float(float_to_bf16(sums.at(local, n + kHalf) * scale));
        args.y[(static_cast<std::size_t>(row) * (args.num_outputs / 2)) + (first_n / 2) + i] =
            float_to_bf16(gate / (1.0F + expf(-gate)) * up);
      }
      continue;
    }
#pragma unroll 4
    for (int i = lane; i < kBlockOutputs; i += 32) {
      const bool is_stored = i < num_outputs;
      const int n = first_n + (is_stored ? i : 0);
      const std::size_t index = (static_cast<std::size_t>(row) * args.num_outputs) + n;
      const float sum = sums.at(local, i) * scale;
      if (args.kind == ProductKind::kResidual) {
        const float before = bf16_to_float(__ldcg(args.residual.residual + index));
        const float added = bf16_to_float(float_to_bf16(sum));
        store_residual(args.residual, args.num_outputs, row, n, before + added, is_stored);
      } else if (!is_stored) {
        continue;
      } else if (args.kind == ProductKind::kLogits) {
        args.logits[index] = sum;
      } else {
        args.y[index] = float_to_bf16(sum);
      }
    }
  }
}

template <int num_rows, int num_ranks>
__global__ void __cluster_dims__(num_ranks, 1, 1) __launch_bounds__(kNumThreads, 2)
    wide_kernel(const __grid_constant__ ProductArgs args) {
  extern __shared__ __align__(128) std::uint8_t bytes[];
  auto& shared = *reinterpret_cast<Shared<num_rows>*>(bytes);
  allow_next_grid();
  const Share share = share_of_block<num_rows, num_ranks>(args);
  const Sums<num_rows> sums = multiply_share<num_rows, num_ranks>(args, share, shared);
  wait_copies<0>();
  __syncthreads();  // the sums come where the stages were
  store_sums<num_rows>(sums, shared);
  const auto cluster = cooperative_groups::this_cluster();
  cluster.sync();
  write_outputs<num_rows, num_ranks>(args, share, shared);
  cluster.sync();  // nobody's sums go while another reads them
}

using Kernel = void (*)(ProductArgs);

bool is_valid(const ProductArgs& args) {
  return args.num_rows >= 1 && args.num_rows <= kWideMaxRows && args.num_outputs >= kPanelRows &&
         args.num_outputs % kPanelRows == 0 && args.num_inputs >= kPanelChunk &&
         args.num_inputs % kPanelChunk == 0;
}

// Blocks have two slices each where that leaves enough of them, else one.
struct Variant {
  Kernel kernel;
  std::size_t shared_bytes;
  int num_rows;
  int num_ranks;
};
const Variant kVariants[] = {{wide_kernel<32, 4>, sizeof(Shared<32>), 32, 4},
                             {wide_kernel<32, 8>, sizeof(Shared<32>), 32, 8},
                             {wide_kernel<64, 4>, sizeof(Shared<64>), 64, 4},
                             {wide_kernel<64, 8>, sizeof(Shared<64>), 64, 8}};

int columns_of(const ProductArgs& args) {
  return (args.num_outputs + kBlockOutputs - 1) / kBlockOutputs;
}

const Variant& variant_for(const ProductArgs& args) {
  const bool is_few = args.num_rows <= 32;
  const int parts = is_few ? 1 : (args.num_rows + 63) / 64;
  const bool is_short = columns_of(args) * parts * 4 < 2 * args.num_multiprocessors;
  return kVariants[(is_few ? 0 : 2) + (is_short ? 1 : 0)];
}

}  // namespace

cudaError_t prepare_wide_product() {
  for (const Variant& variant : kVariants) {
    const cudaError_t code =
        cudaFuncSetAttribute(variant.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(variant.shared_bytes));
    if (code != cudaSuccess) return code;
  }
  return cudaSuccess;
}

cudaError_t launch_wide_product(const ProductArgs& args, cudaStream_t stream) {
  if (!is_valid(args)) return cudaErrorInvalidValue;
  const Variant& variant = variant_for(args);
  const int parts = (args.num_rows + variant.num_rows - 1) / variant.num_rows;
  return launch_overlapped(
      variant.kernel,
      {.grid = dim3(static_cast<unsigned>(columns_of(args) * parts * variant.num_ranks)),
       .num_threads = kNumThreads,
       .shared_bytes = variant.shared_bytes},
      args, stream);
}

}  // namespace penstock::kernels::cuda
