// Eight warps a block, each with a slice of K; weights pass through a ring in shared memory
// (weight_ring.cuh). They need nothing of the kernels before, so a block's ring fills as soon as
// there is room for it. Up to eight rows, registers and shared memory of a block are at most half
// of a multiprocessor's: two of them, of one kernel or of two in turn, keep the memory busy while
// one ends.
//
// One function for every kind of product: its code, long from unrolling, is then there once. With a
// copy for each kind the instruction cache missed at every launch: 11 us each, where a launch has
// 10 to 50.
//
// Activations are in registers, as B fragments: 4,096 k of them for up to sixteen rows, 2,048 for
// up to eight, which keeps the code half as long. A longer K loads them again for every tile pair,
// while the ring fills.
#include <cstddef>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/grid_dependency.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/residual_rows.cuh"
#include "kernels/cuda/weight_ring.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = kSlices * 32;
constexpr int kSumStride = 36;  // floats between rows of sums: 32 and a pad, stores conflict-free

constexpr int stages_for(int m_tiles) {
  return m_tiles == 1 ? 6 : 11;
}

template <int m_tiles>
struct Shared {
  WeightRing<stages_for(m_tiles)> ring;
  float sums[kSlices][m_tiles * 8][kSumStride];
  float scales[m_tiles * 8];
};
static_assert(sizeof(Shared<1>) + 1024 <= 228 * 1024 / 2);
static_assert(sizeof(Shared<2>) <= 227 * 1024);

// Volatile: all of them are under way before the first is used. Past L1, which may be older than
// the grid before.
__device__ __forceinline__ uint4 load_now(const uint4* from) {
  uint4 bits;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w)
               : "l"(from));
  return bits;
}

// As B fragments: row 8 i + lane / 4, the 8 values from 8 (lane % 4) on of a chunk. A row past the
// end gives sums that nobody stores.
template <int m_tiles, int group_chunks>
struct Activations {
  uint4 x[group_chunks][m_tiles];

  __device__ __forceinline__ void load(const ProductArgs& args, int first_chunk) {
    const int warp = static_cast<int>(threadIdx.x / 32);
    const int lane = static_cast<int>(threadIdx.x % 32);
    const int num_chunks = args.num_inputs / kPanelChunk;
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) {
      const int row = (8 * i) + (lane / 4);
      const int left = row < args.num_rows ? num_chunks - first_chunk - warp : 0;
      const auto* from = reinterpret_cast<const uint4*>(args.x) +
                         (((static_cast<std::size_t>(row) * num_chunks) + first_chunk + warp) *
                          (kPanelChunk / 8)) +
                         (lane % 4);
#pragma unroll
      for (int j = 0; j < group_chunks; ++j) {
        x[j][i] = make_uint4(0, 0, 0, 0);
        if (j * kSlices < left) x[j][i] = load_now(from + (j * kSlices * (kPanelChunk / 8)));
      }
    }
  }
};

template <int m_tiles>
class Consumer {
 public:
  using Sums = Fragment[m_tiles];

  __device__ __forceinline__ Consumer(Shared<m_tiles>& shared,
                                      const WeightStream<stages_for(m_tiles)>& stream)
      : shared_(shared),
        stream_(stream),
        warp_(static_cast<int>(threadIdx.x / 32)),
        lane_(static_cast<int>(threadIdx.x % 32)) {}

  // Eight chunks of K of a pair of tiles: one for this warp of each, when there are that many.
  __device__ __forceinline__ void multiply_pair(int num_chunks, const uint4 (&x)[m_tiles],
                                                Sums& first, Sums& second) {
    const std::uint32_t from = wait_slab();
    if (warp_ < num_chunks) {
      const Weights a = load_weights(from);
      const Weights b = load_weights(from + kHalfSlabBytes);
#pragma unroll
      for (int i = 0; i < m_tiles; ++i) {
        multiply(first[i], a.low.x, a.high.x, a.low.y, a.high.y, x[i].x, x[i].y);
        multiply(second[i], b.low.x, b.high.x, b.low.y, b.high.y, x[i].x, x[i].y);
      }
#pragma unroll
      for (int i = 0; i < m_tiles; ++i) {
        multiply(first[i], a.low.z, a.high.z, a.low.w, a.high.w, x[i].z, x[i].w);
        multiply(second[i], b.low.z, b.high.z, b.low.w, b.high.w, x[i].z, x[i].w);
      }
    }
    release_slab();
  }

  // Sixteen chunks of K of one tile.
  __device__ __forceinline__ void multiply_single(int num_chunks, const uint4 (&x)[m_tiles],
                                                  const uint4 (&next_x)[m_tiles], Sums& sums) {
    const std::uint32_t from = wait_slab();
    if (warp_ < num_chunks) {
      const Weights a = load_weights(from);
#pragma unroll
      for (int i = 0; i < m_tiles; ++i) multiply_chunk(sums[i], a.low, a.high, x[i]);
    }
    if (warp_ + kSlices < num_chunks) {
      const Weights b = load_weights(from + kHalfSlabBytes);
#pragma unroll
      for (int i = 0; i < m_tiles; ++i) multiply_chunk(sums[i], b.low, b.high, next_x[i]);
    }
    release_slab();
  }

  __device__ __forceinline__ void store(const Sums& sums, int tile, int num_rows) const {
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) {
      // c[0], c[1]: weight row g, rows 2t and 2t + 1 of x; c[2], c[3]: weight row g + 8.
      const int row = (8 * i) + (lane_ % 4 * 2);
      float* at = &shared_.sums[warp_][row][(tile * kPanelRows) + (lane_ / 4)];
      if (row < num_rows) {
        at[0] = sums[i].c[0];
        at[8] = sums[i].c[2];
      }
      if (row + 1 < num_rows) {
        at[kSumStride] = sums[i].c[1];
        at[kSumStride + 8] = sums[i].c[3];
      }
    }
  }

 private:
  struct Weights {
    uint4 low;   // row g of the tile
    uint4 high;  // row g + 8
  };

  // Where this warp's chunk of the next slab is; it is there.
  __device__ __forceinline__ std::uint32_t wait_slab() const {
    wait_mbarrier(shared_address(&shared_.ring.full[at_.stage]), at_.parity);
    return shared_address(shared_.ring.slabs[at_.stage]) +
           static_cast<std::uint32_t>((warp_ * kPanelChunkBytes) + (lane_ * 16));
  }
  __device__ __forceinline__ static Weights load_weights(std::uint32_t from) {
    return {load_shared(from), load_shared(from + (kPanelChunkBytes / 2))};
  }
  // What is filled again is the stage released a round ago, which all warps have left by now,
  // mostly.
  __device__ __forceinline__ void release_slab() {
    __syncwarp();
    if (lane_ == 0) arrive_mbarrier(shared_address(&shared_.ring.empty[at_.stage]));
    at_.advance();
    stream_.copy_next(shared_.ring);
  }

  Shared<m_tiles>& shared_;
  WeightStream<stages_for(m_tiles)> stream_;
  int warp_;
  int lane_;
  RingPosition<stages_for(m_tiles)> at_;
};

template <int m_tiles>
__device__ __forceinline__ float add_slices(const Shared<m_tiles>& shared, int row, int column) {
  float s[kSlices];
#pragma unroll
  for (int i = 0; i < kSlices; ++i) s[i] = shared.sums[i][row][column];
  return (((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])));
}

// Output `o` of this thread of an item's: rows of x, columns of the item fastest.
struct Output {
  int row;
  int column;
};
__device__ __forceinline__ Output output_at(ProductKind kind, int o, bool is_pair) {
  const int index = static_cast<int>(threadIdx.x) + (o * kNumThreads);
  const int of_tile = kind == ProductKind::kSwiglu ? kPanelRows / 2 : kPanelRows;
  const int columns = is_pair ? 2 * of_tile : of_tile;
  return {index / columns, index % columns};
}

template <int m_tiles>
__device__ __forceinline__ void write_output(const ProductArgs& args, const Shared<m_tiles>& shared,
                                             int tile, Output out, float before) {
  const bool is_stored = out.row < args.num_rows;
  const int row = is_stored ? out.row : 0;
  const float scale = shared.scales[row];
  if (args.kind == ProductKind::kSwiglu) {
    if (!is_stored) return;
    constexpr int kHalf = kPanelRows / 2;
    const int column = (out.column / kHalf * kPanelRows) + (out.column % kHalf);
    const float gate =
        bf16_to_float(float_to_bf16(add_slices<m_tiles>(shared, row, column) * scale));
    const float up =
        bf16_to_float(float_to_bf16(add_slices<m_tiles>(shared, row, column + kHalf) * scale));
    args.y[(static_cast<std::size_t>(row) * (args.num_outputs / 2)) + (tile * kHalf) + out.column] =
        float_to_bf16(gate / (1.0F + expf(-gate)) * up);
    return;
  }
  const float sum = add_slices<m_tiles>(shared, row, out.column) * scale;
  const int n = (tile * kPanelRows) + out.column;
  if (args.kind == ProductKind::kResidual) {
    const float added = bf16_to_float(float_to_bf16(sum));
    store_residual(args.residual, args.num_outputs, row, n, before + added, is_stored);
    return;
  }
  if (!is_stored) return;
  const std::size_t index = (static_cast<std::size_t>(row) * args.num_outputs) + n;
  if (args.kind == ProductKind::kLogits) {
    args.logits[index] = sum;
  } else {
    args.y[index] = float_to_bf16(sum);
  }
}

// A warp a row.
template <int m_tiles>
__device__ __forceinline__ void compute_scales(const ProductArgs& args, Shared<m_tiles>& shared) {
  for (int row = static_cast<int>(threadIdx.x / 32); row < args.num_rows; row += kSlices) {
    float scale = 1.0F;
    if (args.x_squares != nullptr) {
      const std::size_t per_row = static_cast<std::size_t>(args.num_inputs) / kSquaresWidth;
      scale = norm_scale(args.x_squares + (row * per_row), args.num_inputs, args.epsilon);
    }
    if (threadIdx.x % 32 == 0) shared.scales[row] = scale;
  }
}

template <int m_tiles, int group_chunks>
__device__ __forceinline__ void compute(const ProductArgs& args, TileRange tiles,
                                        const WeightStream<stages_for(m_tiles)>& stream,
                                        Shared<m_tiles>& shared) {
  const int num_chunks = args.num_inputs / kPanelChunk;
  constexpr int kGroupWidth = group_chunks * kSlices;  // chunks of K
  Activations<m_tiles, group_chunks> act;
  act.load(args, 0);
  compute_scales<m_tiles>(args, shared);
  Consumer<m_tiles> consumer(shared, stream);
  for (int tile = tiles.first; tile < tiles.end; tile += 2) {
    const bool is_pair = tile + 1 < tiles.end;
    float before[m_tiles] = {};
    if (args.kind == ProductKind::kResidual) {
#pragma unroll
      for (int o = 0; o < m_tiles; ++o) {
        const Output out = output_at(args.kind, o, is_pair);
        if (out.row >= args.num_rows) continue;
        before[o] = bf16_to_float(__ldcg(args.residual.residual +
                                         (static_cast<std::size_t>(out.row) * args.num_outputs) +
                                         (tile * kPanelRows) + out.column));
      }
    }
    typename Consumer<m_tiles>::Sums first{};
    typename Consumer<m_tiles>::Sums second{};
#pragma unroll 1
    for (int chunk = 0; chunk < num_chunks; chunk += kGroupWidth) {
      if (num_chunks > kGroupWidth && (chunk > 0 || tile != tiles.first)) act.load(args, chunk);
#pragma unroll
      for (int j = 0; j < group_chunks; j += 2) {
        const int left = num_chunks - chunk - (j * kSlices);
        if (left <= 0) break;
        if (is_pair) {
          consumer.multiply_pair(left, act.x[j], first, second);
          if (left > kSlices) {
            consumer.multiply_pair(left - kSlices, act.x[j + 1], first, second);
          }
        } else {
          consumer.multiply_single(left, act.x[j], act.x[j + 1], first);
        }
      }
    }
    __syncthreads();  // the sums of the item before are read
    consumer.store(first, 0, args.num_rows);
    if (is_pair) consumer.store(second, 1, args.num_rows);
    __syncthreads();
#pragma unroll
    for (int o = 0; o < m_tiles; ++o) {
      // Single tiles have half as many outputs; the threads past them have rows past the end.
      const Output out = output_at(args.kind, o, is_pair);
      write_output<m_tiles>(args, shared, tile, out, before[o]);
    }
  }
}

template <int m_tiles, int group_chunks>
__global__ void __launch_bounds__(kNumThreads, m_tiles == 1 ? 2 : 1)
    skinny_kernel(const __grid_constant__ ProductArgs args) {
  extern __shared__ __align__(128) std::uint8_t bytes[];
  auto& shared = *reinterpret_cast<Shared<m_tiles>*>(bytes);
  allow_next_grid();
  const TileRange tiles = tiles_of_block(args.num_outputs / kPanelRows);
  WeightStream<stages_for(m_tiles)> stream(args.w, tiles, args.num_inputs / kPanelChunk);
  stream.start(shared.ring);
  const int tile = tiles.first + static_cast<int>(threadIdx.x) - 32;
  if (args.kind == ProductKind::kResidual && tile >= tiles.first && tile < tiles.end) {
    prefetch_line(args.residual.norm_weight + (tile * kPanelRows));
  }
  __syncthreads();
  wait_for_grid_before();
  compute<m_tiles, group_chunks>(args, tiles, stream, shared);
}

using Kernel = void (*)(ProductArgs);

struct Variant {
  Kernel kernel;
  std::size_t shared_bytes;
  int blocks_per_multiprocessor;
};
const Variant kEight = {skinny_kernel<1, 8>, sizeof(Shared<1>), 2};  // 1 to 8 rows
const Variant kMost = {skinny_kernel<2, 16>, sizeof(Shared<2>), 1};  // 9 to 16

const Variant& variant_for(int num_rows) {
  return num_rows <= 8 ? kEight : kMost;
}

bool is_valid(const ProductArgs& args) {
  return args.num_rows >= 1 && args.num_rows <= kSkinnyMaxRows && args.num_outputs >= kPanelRows &&
         args.num_outputs % kPanelRows == 0 && args.num_inputs >= kPanelChunk &&
         args.num_inputs % kPanelChunk == 0 && args.num_multiprocessors >= 1;
}

// Blocks with as many tiles as each other: the last to end are what the next kernel waits for. Two
// on a multiprocessor keep it busy while one of them ends; where all of a multiprocessor's share
// fits the ring of one, the other place is better left to the next kernel.
int blocks_for(const ProductArgs& args) {
  constexpr long long kLittleBytes = 80 * 1024;
  const int num_tiles = args.num_outputs / kPanelRows;
  const long long share = 2LL * args.num_outputs * args.num_inputs / args.num_multiprocessors;
  const int places =
      args.num_multiprocessors *
      (share > kLittleBytes ? variant_for(args.num_rows).blocks_per_multiprocessor : 1);
  const int tiles_each = (num_tiles + places - 1) / places;
  return (num_tiles + tiles_each - 1) / tiles_each;
}

}  // namespace

cudaError_t prepare_skinny_product() {
  for (const Variant& variant : {kEight, kMost}) {
    const cudaError_t code =
        cudaFuncSetAttribute(variant.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(variant.shared_bytes));
    if (code != cudaSuccess) return code;
  }
  return cudaSuccess;
}

cudaError_t launch_skinny_product(const ProductArgs& args, cudaStream_t stream) {
  if (!is_valid(args)) return cudaErrorInvalidValue;
  const Variant& variant = variant_for(args.num_rows);
  return launch_overlapped(variant.kernel,
                           {.grid = dim3(static_cast<unsigned>(blocks_for(args))),
                            .num_threads = kNumThreads,
                            .shared_bytes = variant.shared_bytes},
                           args, stream);
}

}  // namespace penstock::kernels::cuda
