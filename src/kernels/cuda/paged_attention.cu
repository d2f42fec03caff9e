// A block computes one segment (256 positions) of one KV head for its whole group of query heads;
// warp t owns tile t. Scores: lane j computes position j from a padded copy of K in shared memory,
// so a dot product is one chain of fused multiply-adds and needs no shuffle. V is read straight
// from memory into registers, 2 or 4 dims a lane, after a prefetch into L2 that runs while K is
// scored. Tiles then meet in shared memory and are folded in ascending order.
#include "kernels/cuda/paged_attention.h"

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/cp_async.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumTiles = kSegmentTokens / kKvBlockTokens;
constexpr int kNumThreads = kNumTiles * 32;
constexpr float kLog2E = 1.4426950408889634F;

// Shared memory of one (head_dim, group). A tile's region first holds its K rows; when all tiles
// are scored, its sums [group][head_dim] and its weights p [32][group].
template <int head_dim, int group>
struct Layout {
  static constexpr int kRowBytes = (head_dim * 2) + 16;  // padded: lanes read rows, not columns
  static constexpr int kTileBytes = 32 * kRowBytes;
  static constexpr int kSumsBytes = group * head_dim * 4;
  static constexpr int kQueryOffset = kNumTiles * kTileBytes;
  static constexpr int kMaximaOffset = kQueryOffset + (group * head_dim * 4);
  static constexpr int kTotalsOffset = kMaximaOffset + (kNumTiles * group * 4);
  static constexpr int kBytes = kTotalsOffset + (kNumTiles * group * 4);
  static_assert(kSumsBytes + (32 * group * 4) <= kTileBytes);
  static_assert(kTileBytes % 16 == 0 && kSumsBytes % 16 == 0);
};

__device__ __forceinline__ int clamped_context(const PagedAttentionArgs& args, int row) {
  const int limit = args.max_blocks * kKvBlockTokens;
  const int length = args.context_lens[row];
  return length < limit ? length : limit;
}

__device__ __forceinline__ float* partial_of(const PagedAttentionArgs& args, int row, int segment,
                                             int q_head) {
  const int segments_of_row = (args.max_blocks + kNumTiles - 1) / kNumTiles;
  const std::size_t index =
      ((static_cast<std::size_t>(row) * segments_of_row + segment) * args.num_q_heads) + q_head;
  return args.workspace + (index * (args.kv.head_dim + 2));
}

// First K element of (block, layer, kv head); V follows num_kv_heads tiles later.
__device__ __forceinline__ const std::uint16_t* keys_of(const PagedAttentionArgs& args, int row,
                                                        int block_index, int kv_head) {
  const std::size_t block =
      args.block_tables[(static_cast<std::size_t>(row) * args.max_blocks) + block_index];
  const std::size_t tile =
      (((block * args.kv.num_layers + args.layer) * 2) * args.kv.num_kv_heads) + kv_head;
  return args.kv_pool + (tile * kKvBlockTokens * args.kv.head_dim);
}

// Starts the copies of a tile's K rows and pulls its V rows into L2.
template <int head_dim, int group>
__device__ __forceinline__ void fetch_tile(const std::uint16_t* keys, const std::uint16_t* values,
                                           std::uint8_t* tile_shared, int num_tokens, int lane) {
  constexpr int kPiecesPerRow = head_dim / 8;
  const std::uint32_t to = shared_address(tile_shared);
#pragma unroll
  for (int i = 0; i < kPiecesPerRow; ++i) {  // 32 rows, 32 lanes: as many rounds as pieces
    const int piece = (i * 32) + lane;
    const int token = piece / kPiecesPerRow;
    const int column = piece % kPiecesPerRow;
    if (token < num_tokens) {
      copy16_async(to + (token * Layout<head_dim, group>::kRowBytes) + (column * 16),
                   keys + (token * head_dim) + (column * 8));
    }
  }
  commit_copies();
  constexpr int kLine = 64;  // elements of 128 bytes
#pragma unroll
  for (int i = 0; i < head_dim / kLine; ++i) {
    const int element = ((i * 32) + lane) * kLine;
    if (element < num_tokens * head_dim) {
      asm volatile("prefetch.global.L2 [%0];" ::"l"(values + element));
    }
  }
}

// Lane j: scores of position j, in units of log2, for each head of the group.
template <int head_dim, int group>
__device__ __forceinline__ void score_tile(const std::uint8_t* tile_shared, const float* queries,
                                           float scale, int lane, float (&scores)[group]) {
  const uint4* row =
      reinterpret_cast<const uint4*>(tile_shared + (lane * Layout<head_dim, group>::kRowBytes));
#pragma unroll
  for (int h = 0; h < group; ++h) scores[h] = 0.0F;
#pragma unroll 4
  for (int piece = 0; piece < head_dim / 8; ++piece) {
    const Float8 key = unpack8(row[piece]);
#pragma unroll
    for (int h = 0; h < group; ++h) {
      const float4* query = reinterpret_cast<const float4*>(queries + (h * head_dim) + (piece * 8));
      const float4 low = query[0];
      const float4 high = query[1];
      float sum = scores[h];
      sum = fmaf(low.x, key.value[0], sum);
      sum = fmaf(low.y, key.value[1], sum);
      sum = fmaf(low.z, key.value[2], sum);
      sum = fmaf(low.w, key.value[3], sum);
      sum = fmaf(high.x, key.value[4], sum);
      sum = fmaf(high.y, key.value[5], sum);
      sum = fmaf(high.z, key.value[6], sum);
      sum = fmaf(high.w, key.value[7], sum);
      scores[h] = sum;
    }
  }
#pragma unroll
  for (int h = 0; h < group; ++h) scores[h] *= scale;
}

__device__ __forceinline__ float warp_max(float value) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFU, value, distance));
  }
  return value;
}

__device__ __forceinline__ float warp_sum(float value) {
  for (int distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xFFFFFFFFU, value, distance);
  }
  return value;
}

// Dims of one lane: a 4- or 8-byte load.
template <int head_dim>
struct LaneValues;
template <>
struct LaneValues<64> {
  using Bits = std::uint32_t;
  static __device__ Bits zero() { return 0; }
  static __device__ void unpack(Bits bits, float (&v)[2]) {
    v[0] = bf16_low(bits);
    v[1] = bf16_high(bits);
  }
};
template <>
struct LaneValues<128> {
  using Bits = uint2;
  static __device__ Bits zero() { return make_uint2(0, 0); }
  static __device__ void unpack(Bits bits, float (&v)[4]) {
    v[0] = bf16_low(bits.x);
    v[1] = bf16_high(bits.x);
    v[2] = bf16_low(bits.y);
    v[3] = bf16_high(bits.y);
  }
};

// sums[h][d] = sum over positions, ascending, of p[position][h] * v[position][d].
template <int head_dim, int group>
__device__ __forceinline__ void weigh_values(const std::uint16_t* values, const float* weights,
                                             int num_tokens, int lane, float* sums) {
  constexpr int kDims = head_dim / 32;
  constexpr int kBatch = 8;
  using Lane = LaneValues<head_dim>;
  using Bits = typename Lane::Bits;
  float acc[group][kDims] = {};
  const Bits* column = reinterpret_cast<const Bits*>(values) + lane;
#pragma unroll
  for (int first = 0; first < kKvBlockTokens; first += kBatch) {
    if (first >= num_tokens) break;
    Bits bits[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      bits[i] = first + i < num_tokens ? __ldg(column + ((first + i) * 32)) : Lane::zero();
    }
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      float v[kDims];
      Lane::unpack(bits[i], v);
#pragma unroll
      for (int h = 0; h < group; ++h) {
        const float p = weights[((first + i) * group) + h];
#pragma unroll
        for (int d = 0; d < kDims; ++d) acc[h][d] = fmaf(p, v[d], acc[h][d]);
      }
    }
  }
#pragma unroll
  for (int h = 0; h < group; ++h) {
#pragma unroll
    for (int d = 0; d < kDims; ++d) sums[(h * head_dim) + (lane * kDims) + d] = acc[h][d];
  }
}

// Folds the tiles in ascending order and writes the segment's sums, maximum and total.
template <int head_dim, int group>
__device__ __forceinline__ void fold_tiles(const PagedAttentionArgs& args,
                                           const std::uint8_t* shared, int num_tiles, int row,
                                           int kv_head) {
  using Shape = Layout<head_dim, group>;
  const float* maxima = reinterpret_cast<const float*>(shared + Shape::kMaximaOffset);
  const float* totals = reinterpret_cast<const float*>(shared + Shape::kTotalsOffset);
  for (int index = static_cast<int>(threadIdx.x); index < group * head_dim; index += kNumThreads) {
    const int h = index / head_dim;
    float maximum = maxima[h];
    float total = totals[h];
    float sum = reinterpret_cast<const float*>(shared)[index];
    for (int tile = 1; tile < num_tiles; ++tile) {
      const float next = fmaxf(maximum, maxima[(tile * group) + h]);
      const float shrink = exp2f(maximum - next);
      total = fmaf(total, shrink, totals[(tile * group) + h]);
      sum = fmaf(sum, shrink,
                 reinterpret_cast<const float*>(shared + (tile * Shape::kTileBytes))[index]);
      maximum = next;
    }
    float* partial = partial_of(args, row, static_cast<int>(blockIdx.x), (kv_head * group) + h);
    partial[index % head_dim] = sum;
    if (index % head_dim == 0) {
      partial[head_dim] = maximum;
      partial[head_dim + 1] = total;
    }
  }
}

template <int head_dim, int group>
__global__ void __launch_bounds__(kNumThreads, group <= 4 ? 3 : 2)
    segment_kernel(PagedAttentionArgs args) {
  using Shape = Layout<head_dim, group>;
  extern __shared__ __align__(16) std::uint8_t shared[];
  const int kv_head = static_cast<int>(blockIdx.y);
  const int row = static_cast<int>(blockIdx.z);
  const int first_position = static_cast<int>(blockIdx.x) * kSegmentTokens;
  const int num_positions = min(clamped_context(args, row) - first_position, kSegmentTokens);
  if (num_positions <= 0) return;
  const int num_tiles = (num_positions + kKvBlockTokens - 1) / kKvBlockTokens;

  const int tile = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int num_tokens = min(num_positions - (tile * kKvBlockTokens), kKvBlockTokens);
  const bool has_tile = num_tokens > 0;
  std::uint8_t* tile_shared = shared + (tile * Shape::kTileBytes);
  const std::uint16_t* values = nullptr;
  if (has_tile) {
    const int block_index = (static_cast<int>(blockIdx.x) * kNumTiles) + tile;
    const std::uint16_t* keys = keys_of(args, row, block_index, kv_head);
    values = keys + (static_cast<std::size_t>(args.kv.num_kv_heads) * kKvBlockTokens * head_dim);
    fetch_tile<head_dim, group>(keys, values, tile_shared, num_tokens, lane);
  }
  float* queries = reinterpret_cast<float*>(shared + Shape::kQueryOffset);
  const std::uint16_t* q =
      args.q + ((static_cast<std::size_t>(row) * args.num_q_heads + (kv_head * group)) * head_dim);
  for (int i = static_cast<int>(threadIdx.x); i < group * head_dim; i += kNumThreads) {
    queries[i] = bf16_to_float(q[i]);
  }
  wait_copies<0>();
  __syncthreads();

  float* maxima = reinterpret_cast<float*>(shared + Shape::kMaximaOffset);
  float* totals = reinterpret_cast<float*>(shared + Shape::kTotalsOffset);
  float scores[group];
  if (has_tile) {
    score_tile<head_dim, group>(tile_shared, queries, args.scale * kLog2E, lane, scores);
#pragma unroll
    for (int h = 0; h < group; ++h) {
      if (lane >= num_tokens) scores[h] = -INFINITY;  // whatever the bytes there were
      const float maximum = warp_max(scores[h]);
      if (lane == 0) maxima[(tile * group) + h] = maximum;
    }
  }
  __syncthreads();  // all maxima are there, all K rows are read

  if (has_tile) {
    float* weights = reinterpret_cast<float*>(tile_shared + Shape::kSumsBytes);
#pragma unroll
    for (int h = 0; h < group; ++h) {
      float maximum = maxima[h];
      for (int i = 1; i <= tile; ++i) maximum = fmaxf(maximum, maxima[(i * group) + h]);
      const float p = lane < num_tokens ? exp2f(scores[h] - maximum) : 0.0F;
      weights[(lane * group) + h] = p;
      const float total = warp_sum(p);
      if (lane == 0) totals[(tile * group) + h] = total;
    }
    __syncwarp();
    weigh_values<head_dim, group>(values, weights, num_tokens, lane,
                                  reinterpret_cast<float*>(tile_shared));
  }
  __syncthreads();
  fold_tiles<head_dim, group>(args, shared, num_tiles, row, kv_head);
}

// One block per (query head, row), one thread a dim: segments ascending.
__global__ void __launch_bounds__(128) merge_kernel(PagedAttentionArgs args) {
  const int q_head = static_cast<int>(blockIdx.x);
  const int row = static_cast<int>(blockIdx.y);
  const int head_dim = args.kv.head_dim;
  const int d = static_cast<int>(threadIdx.x);
  const int length = clamped_context(args, row);
  const int count = (length + kSegmentTokens - 1) / kSegmentTokens;
  float sum = 0.0F;
  float maximum = -INFINITY;
  float total = 0.0F;
#pragma unroll 4
  for (int segment = 0; segment < count; ++segment) {
    const float* partial = partial_of(args, row, segment, q_head);
    const float part = partial[d];
    const float part_maximum = partial[head_dim];
    const float part_total = partial[head_dim + 1];
    const float next = fmaxf(maximum, part_maximum);
    const float shrink = exp2f(maximum - next);  // first segment: exp2(-inf) = 0
    const float part_shrink = exp2f(part_maximum - next);
    sum = fmaf(sum, shrink, part * part_shrink);
    total = fmaf(total, shrink, part_total * part_shrink);
    maximum = next;
  }
  const std::size_t index =
      ((static_cast<std::size_t>(row) * args.num_q_heads + q_head) * head_dim) + d;
  args.out[index] = float_to_bf16(count > 0 ? sum / total : 0.0F);
}

template <int head_dim, int group>
cudaError_t raise_limit() {
  return cudaFuncSetAttribute(segment_kernel<head_dim, group>,
                              cudaFuncAttributeMaxDynamicSharedMemorySize,
                              Layout<head_dim, group>::kBytes);
}

template <int head_dim, int group>
void launch_segments(const PagedAttentionArgs& args, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(num_segments(args.max_blocks)),
                  static_cast<unsigned>(args.kv.num_kv_heads),
                  static_cast<unsigned>(args.num_rows));
  segment_kernel<head_dim, group>
      <<<grid, kNumThreads, Layout<head_dim, group>::kBytes, stream>>>(args);
}

template <int head_dim>
void launch_group(const PagedAttentionArgs& args, cudaStream_t stream) {
  switch (args.num_q_heads / args.kv.num_kv_heads) {
    case 1:
      return launch_segments<head_dim, 1>(args, stream);
    case 2:
      return launch_segments<head_dim, 2>(args, stream);
    case 4:
      return launch_segments<head_dim, 4>(args, stream);
    default:
      return launch_segments<head_dim, 8>(args, stream);
  }
}

bool is_valid(const PagedAttentionArgs& args) {
  const int kv_heads = args.kv.num_kv_heads;
  if (args.num_rows < 1 || args.num_rows > 65535 || kv_heads < 1 || kv_heads > 65535 ||
      args.max_blocks < 1 || args.max_blocks > (1 << 25) || args.layer < 0 ||
      args.layer >= args.kv.num_layers || args.num_q_heads % kv_heads != 0) {
    return false;
  }
  const int group = args.num_q_heads / kv_heads;
  return (args.kv.head_dim == 64 || args.kv.head_dim == 128) &&
         (group == 1 || group == 2 || group == 4 || group == 8);
}

}  // namespace

cudaError_t prepare_paged_attention() {
  for (const cudaError_t code : {raise_limit<64, 1>(), raise_limit<64, 2>(), raise_limit<64, 4>(),
                                 raise_limit<64, 8>(), raise_limit<128, 1>(), raise_limit<128, 2>(),
                                 raise_limit<128, 4>(), raise_limit<128, 8>()}) {
    if (code != cudaSuccess) return code;
  }
  return cudaSuccess;
}

cudaError_t launch_paged_attention(const PagedAttentionArgs& args, cudaStream_t stream) {
  if (!is_valid(args)) return cudaErrorInvalidValue;
  if (args.kv.head_dim == 64) {
    launch_group<64>(args, stream);
  } else {
    launch_group<128>(args, stream);
  }
  if (const cudaError_t code = cudaGetLastError(); code != cudaSuccess) return code;
  const dim3 grid(static_cast<unsigned>(args.num_q_heads), static_cast<unsigned>(args.num_rows));
  merge_kernel<<<grid, args.kv.head_dim, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
