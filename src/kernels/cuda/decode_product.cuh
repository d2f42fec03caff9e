// The matrix products of decode_step.cu: activations into registers (normed or as they are), stages
// of weights as the ring brings them, and what is done with an item's sums.
//
// One function for all five matrices, so that its code, long from unrolling, is there once: five
// copies of it missed the instruction cache at every phase. Warp w has slices 2w and 2w + 1 of K.
// What other blocks wrote in the phase before is loaded past L1 (__ldcg).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/bf16.cuh"
#include "kernels/cuda/cp_async.cuh"
#include "kernels/cuda/decode_state.cuh"
#include "kernels/cuda/mma.cuh"

namespace penstock::kernels::cuda {

inline constexpr int kWarpSlices = kSlices / kComputeWarps;
inline constexpr int kGroupChunks = 8;  // chunks of a slice whose activations are in registers
inline constexpr int kSumStride = 34;   // floats between two rows of sums: two tiles and a pad

static_assert(kDecodeMaxDim == kGroupChunks * kSlices * kPanelChunk);
static_assert(kSlices * kDecodeMaxRows * kSumStride * 4 <= kScratchBytes);

// As B fragments: row 8 i + lane / 4, the 8 values from 8 (lane % 4) on of a chunk.
template <int m_tiles>
struct Activations {
  uint4 x[kGroupChunks][kWarpSlices][m_tiles];
};

__device__ __forceinline__ int chunk_of(const Step& step, int group, int slice) {
  return (group * kSlices) + (step.warp * kWarpSlices) + slice;
}

// A row of the residual stream; before the first layer wrote it, of the embedding. Of this lane's
// chunk in (group j, slice u): from[j * group_stride + u * slice_stride].
struct ResidualRow {
  const uint4* from;
  int group_stride;
  int slice_stride;
  bool is_nan;  // the token is not in the vocabulary
};
__device__ __forceinline__ ResidualRow residual_row(const Step& step, bool is_first, int row) {
  const DecodeStepArgs& args = step.args;
  const int k = (chunk_of(step, 0, 0) * kPanelChunk) + (step.lane % 4 * 8);
  if (!is_first) {
    constexpr int kChunkVectors = kPanelChunk / 8;
    return {reinterpret_cast<const uint4*>(args.scratch.residual +
                                           (static_cast<std::size_t>(row) * args.shape.dim) + k),
            kSlices * kChunkVectors, kChunkVectors, false};
  }
  constexpr int kPanelVectors = kPanelChunkBytes / 16;
  const std::uint32_t token = args.token_ids[row];
  const bool is_nan = token >= static_cast<std::uint32_t>(args.shape.vocab_size);
  return {reinterpret_cast<const uint4*>(args.embedding +
                                         panel_offset(is_nan ? 0 : token, k, args.shape.dim)),
          kSlices * kPanelVectors, kPanelVectors, is_nan};
}

template <int m_tiles>
__device__ __forceinline__ void load_residual(const Step& step, bool is_first,
                                              Activations<m_tiles>& act) {
  const int num_chunks = step.args.shape.dim / kPanelChunk;
#pragma unroll
  for (int i = 0; i < m_tiles; ++i) {
    const int row = (8 * i) + (step.lane / 4);
    const bool has_row = row < step.args.num_rows;
    const ResidualRow residual = residual_row(step, is_first, has_row ? row : 0);
#pragma unroll
    for (int j = 0; j < kGroupChunks; ++j) {
#pragma unroll
      for (int u = 0; u < kWarpSlices; ++u) {
        uint4 bits = make_uint4(0, 0, 0, 0);
        if (has_row && chunk_of(step, j, u) < num_chunks) {
          bits = __ldcg(residual.from + (j * residual.group_stride) + (u * residual.slice_stride));
          if (residual.is_nan) bits.x = 0x7FC07FC0U;
        }
        act.x[j][u][i] = bits;
      }
    }
  }
}

// The scale of each of this lane's rows; the sum of squares in rms_norm.cu's order.
template <int m_tiles>
__device__ __forceinline__ void norm_scales(const Step& step, const Activations<m_tiles>& act,
                                            float (&scales)[m_tiles]) {
#pragma unroll
  for (int i = 0; i < m_tiles; ++i) {
    const int row = (8 * i) + (step.lane / 4);
#pragma unroll
    for (int u = 0; u < kWarpSlices; ++u) {
      float squares = 0.0F;
#pragma unroll
      for (int j = 0; j < kGroupChunks; ++j) {
        const Float8 values = unpack8(act.x[j][u][i]);
        float sum = 0.0F;
#pragma unroll
        for (int e = 0; e < 8; ++e) sum = fmaf(values.value[e], values.value[e], sum);
        squares += sum;
      }
      squares += __shfl_xor_sync(0xFFFFFFFFU, squares, 1);
      squares += __shfl_xor_sync(0xFFFFFFFFU, squares, 2);
      if (step.lane % 4 == 0) {
        step.shared.squares[(step.warp * kWarpSlices) + u][row] = squares;
      }
    }
  }
  sync_compute();
#pragma unroll
  for (int i = 0; i < m_tiles; ++i) {
    const int row = (8 * i) + (step.lane / 4);
    float sum = step.shared.squares[0][row];
#pragma unroll
    for (int slice = 1; slice < kSlices; ++slice) sum += step.shared.squares[slice][row];
    scales[i] = 1.0F / sqrtf((sum / static_cast<float>(step.args.shape.dim)) + step.args.epsilon);
  }
}

// Starts the copy of a norm's weights to where the next load_normed wants them: before the barrier.
__device__ __forceinline__ void fetch_norm(const Step& step, const std::uint16_t* weight) {
  const std::uint32_t to = shared_address(step.shared.norm);
  for (int k = static_cast<int>(threadIdx.x) * 8; k < step.args.shape.dim;
       k += kComputeThreads * 8) {
    copy16_async(to + (k * 2), weight + k);
  }
  commit_copies();
}

template <int m_tiles>
__device__ __forceinline__ void load_normed(const Step& step, bool is_first,
                                            Activations<m_tiles>& act) {
  const int num_chunks = step.args.shape.dim / kPanelChunk;
  const auto* factors = reinterpret_cast<const uint4*>(step.shared.norm) + (step.lane % 4);
  load_residual<m_tiles>(step, is_first, act);
  wait_copies<0>();  // visible to the other threads after the barrier in norm_scales
  float scales[m_tiles];
  norm_scales<m_tiles>(step, act, scales);
#pragma unroll
  for (int j = 0; j < kGroupChunks; ++j) {
#pragma unroll
    for (int u = 0; u < kWarpSlices; ++u) {
      const int chunk = chunk_of(step, j, u);
      if (chunk >= num_chunks) continue;
      const Float8 factor = unpack8(factors[chunk * (kPanelChunk / 8)]);
#pragma unroll
      for (int i = 0; i < m_tiles; ++i) {
        Float8 values = unpack8(act.x[j][u][i]);
#pragma unroll
        for (int e = 0; e < 8; ++e) values.value[e] = values.value[e] * scales[i] * factor.value[e];
        act.x[j][u][i] = pack8(values);
      }
    }
  }
}

// Groups first_group + 0 .. 7 of rows [num_rows, num_chunks * 32].
template <int m_tiles>
__device__ __forceinline__ void load_rows(const Step& step, const std::uint16_t* rows,
                                          int num_chunks, int first_group,
                                          Activations<m_tiles>& act) {
#pragma unroll
  for (int i = 0; i < m_tiles; ++i) {
    const int row = (8 * i) + (step.lane / 4);
    const bool has_row = row < step.args.num_rows;
    const auto* from = reinterpret_cast<const uint4*>(rows) +
                       (((static_cast<std::size_t>(has_row ? row : 0) * num_chunks) +
                         chunk_of(step, first_group, 0)) *
                        (kPanelChunk / 8)) +
                       (step.lane % 4);
#pragma unroll
    for (int j = 0; j < kGroupChunks; ++j) {
#pragma unroll
      for (int u = 0; u < kWarpSlices; ++u) {
        uint4 bits = make_uint4(0, 0, 0, 0);
        if (has_row && chunk_of(step, first_group + j, u) < num_chunks) {
          bits = __ldcg(from + (((j * kSlices) + u) * (kPanelChunk / 8)));
        }
        act.x[j][u][i] = bits;
      }
    }
  }
}

// The sums of a tile: a fragment for each slice of this warp and each 8 rows of x.
template <int m_tiles>
struct TileSums {
  Fragment acc[kWarpSlices][m_tiles];
};

// Waits for the next stage and multiplies this warp's chunks of it; `left` chunks of the tile are
// left from the stage's first on.
template <int m_tiles>
__device__ __forceinline__ void multiply_stage(Step& step, int left,
                                               const uint4 (&x)[kWarpSlices][m_tiles],
                                               TileSums<m_tiles>& sums) {
  Ring& ring = step.shared.ring;
  wait_mbarrier(shared_address(&ring.full[step.at.stage]), step.at.parity);
  const std::uint32_t from =
      shared_address(ring.stages[step.at.stage]) +
      static_cast<std::uint32_t>((step.warp * kWarpSlices * kPanelChunkBytes) + (step.lane * 16));
#pragma unroll
  for (int u = 0; u < kWarpSlices; ++u) {
    if ((step.warp * kWarpSlices) + u < left) {
      const uint4 low = load_stage(from + (u * kPanelChunkBytes));
      const uint4 high = load_stage(from + (u * kPanelChunkBytes) + (kPanelChunkBytes / 2));
#pragma unroll
      for (int i = 0; i < m_tiles; ++i) multiply_chunk(sums.acc[u][i], low, high, x[u][i]);
    }
  }
  __syncwarp();
  if (step.lane == 0) arrive_mbarrier(shared_address(&ring.empty[step.at.stage]));
  step.at.advance();
}

template <int m_tiles>
__device__ __forceinline__ void store_sums(const Step& step, int tile,
                                           const TileSums<m_tiles>& sums) {
#pragma unroll
  for (int u = 0; u < kWarpSlices; ++u) {
    const int slice = (step.warp * kWarpSlices) + u;
#pragma unroll
    for (int i = 0; i < m_tiles; ++i) {
      // c[0], c[1]: weight row g, rows 2t and 2t + 1 of x; c[2], c[3]: weight row g + 8.
      const int row = (8 * i) + (step.lane % 4 * 2);
      float* at = reinterpret_cast<float*>(step.shared.scratch) +
                  (((slice * m_tiles * 8) + row) * kSumStride) + (tile * kPanelRows) +
                  (step.lane / 4);
      const Fragment& acc = sums.acc[u][i];
      if (row < step.args.num_rows) {
        at[0] = acc.c[0];
        at[8] = acc.c[2];
      }
      if (row + 1 < step.args.num_rows) {
        at[kSumStride] = acc.c[1];
        at[kSumStride + 8] = acc.c[3];
      }
    }
  }
}

// Slices ascending.
template <int m_tiles>
__device__ __forceinline__ float add_slices(const Step& step, int row, int column) {
  const float* at =
      reinterpret_cast<const float*>(step.shared.scratch) + (row * kSumStride) + column;
  float sum = at[0];
#pragma unroll
  for (int slice = 1; slice < kSlices; ++slice) sum += at[slice * m_tiles * 8 * kSumStride];
  return sum;
}

// Output `index` of an item's: rows of x, columns of the item fastest.
struct Output {
  int row;
  int column;
  int n;  // of the matrix
};
__device__ __forceinline__ Output output_at(int index, int item, int columns) {
  const int column = index % columns;
  return {index / columns, column, (item * columns) + column};
}

// What the residual stream was at this place before the phase.
__device__ __forceinline__ std::uint16_t residual_before(const DecodeStepArgs& args, bool is_first,
                                                         const Output& out) {
  if (!is_first) {
    return __ldcg(args.scratch.residual + (static_cast<std::size_t>(out.row) * args.shape.dim) +
                  out.n);
  }
  const std::uint32_t token = args.token_ids[out.row];
  if (token >= static_cast<std::uint32_t>(args.shape.vocab_size)) return 0x7FC0;
  return args.embedding[panel_offset(token, out.n, args.shape.dim)];
}

template <int m_tiles>
__device__ __forceinline__ void write_output(const Step& step, MatrixName name, const Output& out,
                                             std::uint16_t before) {
  const DecodeStepArgs& args = step.args;
  const auto row = static_cast<std::size_t>(out.row);
  const float sum = add_slices<m_tiles>(step, out.row, out.column);
  if (name == kQkv) {
    args.scratch.qkv[(row * args.shape.qkv_dim()) + out.n] = float_to_bf16(sum);
  } else if (name == kGateUp) {
    const float gate = bf16_to_float(float_to_bf16(sum));
    const float up =
        bf16_to_float(float_to_bf16(add_slices<m_tiles>(step, out.row, kPanelRows + out.column)));
    args.scratch.activated[(row * args.shape.inner) + out.n] =
        float_to_bf16(gate / (1.0F + expf(-gate)) * up);
  } else if (name == kHead) {
    args.logits[(row * args.shape.vocab_size) + out.n] = sum;
  } else {
    const float added = bf16_to_float(float_to_bf16(sum));
    args.scratch.residual[(row * args.shape.dim) + out.n] =
        float_to_bf16(bf16_to_float(before) + added);
  }
}

// The whole product with one matrix of one layer, for this block's items.
template <int m_tiles>
__device__ __forceinline__ void run_product(Step& step, MatrixName name, int layer) {
  const DecodeStepArgs& args = step.args;
  const Matrix matrix = step.shared.plan.matrices[name];
  const int num_items = matrix.num_tiles / matrix.tiles_per_item;
  const int num_groups = (matrix.num_chunks + kSlices - 1) / kSlices;
  const bool in_pairs = matrix.tiles_per_item == 2;
  const bool adds = name == kOut || name == kDown;
  const bool is_first = layer == 0 && (name == kQkv || name == kOut);
  const int columns = name == kGateUp ? kPanelRows : matrix.tiles_per_item * kPanelRows;
  const std::uint16_t* rows = name == kOut ? args.scratch.attended : args.scratch.activated;

  Activations<m_tiles> act;
  if (adds) {
    load_rows<m_tiles>(step, rows, matrix.num_chunks, 0, act);
  } else {
    load_normed<m_tiles>(step, is_first, act);
  }
  for (int item = step.deal.first(); item < num_items; item += static_cast<int>(gridDim.x)) {
    std::uint16_t before[m_tiles] = {};
    if (adds) {
#pragma unroll
      for (int o = 0; o < m_tiles; ++o) {
        const Output out =
            output_at(static_cast<int>(threadIdx.x) + (o * kComputeThreads), item, columns);
        if (out.row < args.num_rows) before[o] = residual_before(args, is_first, out);
      }
    }
    TileSums<m_tiles> sums[2] = {};
    for (int group = 0; group < num_groups; group += kGroupChunks) {
      // Activations that do not all fit come again for every item; the ring hides it.
      if (num_groups > kGroupChunks && (group > 0 || item != step.deal.first())) {
        load_rows<m_tiles>(step, rows, matrix.num_chunks, group, act);
      }
#pragma unroll
      for (int j = 0; j < kGroupChunks; ++j) {
        const int left = matrix.num_chunks - ((group + j) * kSlices);
        if (left <= 0) break;
        multiply_stage<m_tiles>(step, left, act.x[j], sums[0]);
        if (in_pairs) multiply_stage<m_tiles>(step, left, act.x[j], sums[1]);
      }
    }
    sync_compute();  // the sums of the item before are read
    store_sums<m_tiles>(step, 0, sums[0]);
    if (in_pairs) store_sums<m_tiles>(step, 1, sums[1]);
    sync_compute();
#pragma unroll
    for (int o = 0; o < m_tiles; ++o) {
      const Output out =
          output_at(static_cast<int>(threadIdx.x) + (o * kComputeThreads), item, columns);
      if (out.row < args.num_rows) write_output<m_tiles>(step, name, out, before[o]);
    }
  }
  step.deal.next(matrix);
}

}  // namespace penstock::kernels::cuda
