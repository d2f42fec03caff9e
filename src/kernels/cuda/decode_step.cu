// Eight computing warps, so that each may have over 200 registers: sixteen spilled, and what they
// spilled went to L2, because every grid barrier empties L1. One warp more copies weights.
#include "kernels/cuda/decode_step.h"

#include "kernels/cuda/decode_attention.cuh"
#include "kernels/cuda/decode_product.cuh"
#include "kernels/cuda/decode_state.cuh"
#include "kernels/cuda/weight_stream.cuh"

namespace penstock::kernels::cuda {
namespace {

// Registers move between groups of four warps: the copying warp has three idle ones beside it, and
// what the four give back the computing ones take.
constexpr int kNumThreads = kComputeThreads + 128;
constexpr int kCopyRegisters = 24;
constexpr int kComputeRegisters = 240;

// Four products a layer, then the head.
template <int m_tiles, int head_dim>
__device__ __forceinline__ void compute(Step& step) {
  constexpr int kPerLayer = 4;
  const int num_layers = step.args.shape.num_layers;
  fetch_norm(step, step.shared.layers[0].attention_norm);
#pragma unroll 1
  for (int phase = 0; phase <= kPerLayer * num_layers; ++phase) {
    const int layer = phase / kPerLayer;
    const int name = layer == num_layers ? kHead : phase % kPerLayer;
    run_product<m_tiles>(step, static_cast<MatrixName>(name), layer);
    if (name == kHead) return;
    if (name == kQkv) run_attention<head_dim>(step, layer);
    if (name == kOut) fetch_norm(step, step.shared.layers[layer].ffn_norm);
    if (name == kDown) {
      fetch_norm(step, layer + 1 < num_layers ? step.shared.layers[layer + 1].attention_norm
                                              : step.args.final_norm);
    }
    sync_grid(step);
  }
}

// The copying thread: all of this block's weights, in order.
__device__ __forceinline__ void copy(const Plan& plan, Ring& ring) {
  Deal deal{};
  RingPosition at{};
  const auto stream = [&](MatrixName name, const std::uint16_t* panels) {
    stream_matrix(plan.matrices[name], panels, deal, ring, at);
    deal.next(plan.matrices[name]);
  };
  for (int i = 0; i < plan.args.shape.num_layers; ++i) {
    const DecodeLayer& layer = plan.args.layers[i];
    stream(kQkv, layer.qkv);
    stream(kOut, layer.out);
    stream(kGateUp, layer.gate_up);
    stream(kDown, layer.down);
  }
  stream(kHead, plan.args.head);
}

template <int m_tiles, int head_dim>
__global__ void __launch_bounds__(kNumThreads, 1) decode_kernel(const __grid_constant__ Plan plan) {
  extern __shared__ __align__(128) std::uint8_t bytes[];
  Shared& shared = *reinterpret_cast<Shared*>(bytes);
  const auto thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < plan.args.shape.num_layers; i += kNumThreads) {
    shared.layers[i] = plan.args.layers[i];
  }
  if (thread < plan.args.num_rows) {
    shared.positions[thread] = checked_position(plan.args, thread);
  }
  if (thread == 0) {
    init_ring(shared.ring);
    shared.plan = plan;
  }
  __syncthreads();
  if (thread >= kComputeThreads) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCopyRegisters));
    if (thread == kComputeThreads) copy(plan, shared.ring);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kComputeRegisters));
    Step step{.shared = shared,
              .args = shared.plan.args,
              .warp = thread / 32,
              .lane = thread % 32,
              .at = {},
              .deal = {}};
    compute<m_tiles, head_dim>(step);
    if (thread == 0) leave_grid(plan.args.scratch.sync);
  }
}

using Kernel = void (*)(Plan);

Kernel kernel_for(const DecodeStepArgs& args) {
  if (args.shape.head_dim == 64) {
    return args.num_rows <= 8 ? decode_kernel<1, 64> : decode_kernel<2, 64>;
  }
  return args.num_rows <= 8 ? decode_kernel<1, 128> : decode_kernel<2, 128>;
}

bool is_valid(const DecodeStepArgs& args) {
  const DecodeShape& shape = args.shape;
  if (args.num_rows < 1 || args.num_rows > kDecodeMaxRows || args.num_multiprocessors < 1 ||
      args.max_blocks < 1 || args.max_blocks > (1 << 25) || args.num_positions < 1 ||
      shape.num_layers < 1 || shape.num_layers > kDecodeMaxLayers || shape.num_kv_heads < 1 ||
      (shape.head_dim != 64 && shape.head_dim != 128) ||
      shape.num_q_heads % shape.num_kv_heads != 0 || shape.dim > kDecodeMaxDim) {
    return false;
  }
  const int group = shape.num_q_heads / shape.num_kv_heads;
  if (group != 1 && group != 2 && group != 4 && group != 8) return false;
  for (const int size : {shape.dim, shape.inner, shape.vocab_size}) {
    if (size < kPanelChunk) return false;
  }
  return shape.dim % kPanelChunk == 0 && shape.inner % kPanelChunk == 0 &&
         shape.vocab_size % kPanelRows == 0;
}

}  // namespace

cudaError_t prepare_decode_step() {
  for (const Kernel kernel :
       {decode_kernel<1, 64>, decode_kernel<2, 64>, decode_kernel<1, 128>, decode_kernel<2, 128>}) {
    const cudaError_t code =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, sizeof(Shared));
    if (code != cudaSuccess) return code;
  }
  return cudaSuccess;
}

cudaError_t launch_decode_step(const DecodeStepArgs& args, cudaStream_t stream) {
  if (!is_valid(args)) return cudaErrorInvalidValue;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(args.num_multiprocessors));
  config.blockDim = dim3(kNumThreads);
  config.dynamicSmemBytes = sizeof(Shared);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  Plan plan{.args = args, .matrices = {}};
  for (const MatrixName name : {kQkv, kOut, kGateUp, kDown, kHead}) {
    plan.matrices[name] = matrix_of(args.shape, name, args.num_multiprocessors);
  }
  return cudaLaunchKernelEx(&config, kernel_for(args), plan);
}

}  // namespace penstock::kernels::cuda
