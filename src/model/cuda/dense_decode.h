// Greedy decode of a dense Llama or Qwen3 model on one device: fixed device buffers for everything
// that varies, one CUDA graph per number of rows, each step's tokens fed to the next on the device.
//
// A step is a chain of launches, five a layer, that overlap (kernels/cuda/grid_dependency.cuh):
//   embedding   per layer: QKV   attention (QK norm, RoPE, KV write)   output + residual
//               gate and up, SwiGLU   down + residual       head   choice   feedback
// so that the weights of a kernel are on their way while the one before it ends.
//
//   ASSIGN_OR_RETURN(auto decode, DenseDecode::create(std::move(weights), limits, rope, info,
//   stream)); RETURN_IF_ERROR(decode.set_rows(rows, stream)); for (...)
//   RETURN_IF_ERROR(decode.launch_step(num_rows, stream));    // queued; nothing waits
//   ASSIGN_OR_RETURN(const auto tokens, decode.tokens_of(step, num_rows, stream));
//
// Forward and choice are two parts of the graph's order: record_forward and record_choice, apart,
// so that host-built masks can come between them.
//
// Threading: one thread, one stream. Errors: kResourceExhausted names the memory that was refused;
// after kInternal the device may be lost.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "device/cuda/graph.h"
#include "device/cuda/memory.h"
#include "device/cuda/stream.h"
#include "kernels/cuda/product.h"
#include "model/cuda/dense_weights.h"

namespace penstock::model::cuda {

struct DenseDecodeLimits {
  int max_rows = kernels::cuda::kSkinnyMaxRows;
  int max_blocks_per_row = 0;  // of 32 tokens
  int num_kv_blocks = 0;
  int num_positions = 0;  // of the RoPE table
};

struct DenseRope {
  std::span<const float> inverse_frequencies;  // [head_dim / 2], scaled
  float magnitude = 1.0F;
};

// What a row is about to compute: `token_id` at `position`, whose block the table has already.
struct DecodeRow {
  std::uint32_t token_id = 0;
  std::int32_t position = -1;  // negative: idle
  std::span<const std::uint32_t> blocks;
};

class DenseDecode final {
 public:
  static constexpr int kRingSteps = 1024;

  DenseDecode() = default;
  // Raises the kernels' limits on the current device and captures a graph for 1, 2, 4 ... max_rows.
  [[nodiscard]] static Result<DenseDecode> create(DenseWeights weights,
                                                  const DenseDecodeLimits& limits,
                                                  const DenseRope& rope, float epsilon,
                                                  const device::cuda::DeviceInfo& info,
                                                  const device::cuda::Stream& stream);

  // Rows 0 .. rows.size() - 1; the others become idle. Waits for the copies.
  [[nodiscard]] Status set_rows(std::span<const DecodeRow> rows,
                                const device::cuda::Stream& stream);
  // One step of the first num_rows rows, in the smallest graph that has them.
  [[nodiscard]] Status launch_step(int num_rows, const device::cuda::Stream& stream) const;
  [[nodiscard]] Status launch_forward(int num_rows, const device::cuda::Stream& stream) const;

  // What a step since create() chose; the last kRingSteps are kept. Waits for the stream.
  [[nodiscard]] Result<std::vector<std::uint32_t>> tokens_of(
      std::uint32_t step, int num_rows, const device::cuda::Stream& stream) const;
  [[nodiscard]] const float* logits() const noexcept { return logits_; }  // [num_rows, vocab]
  [[nodiscard]] std::uint16_t* kv_pool() const noexcept { return kv_pool_; }
  [[nodiscard]] std::size_t kv_pool_elements() const noexcept;
  [[nodiscard]] const DenseWeights& weights() const noexcept { return weights_; }

 private:
  [[nodiscard]] Status take_buffers();
  [[nodiscard]] Status make_rope_table(const DenseRope& rope, const device::cuda::Stream& stream);
  [[nodiscard]] Status record_forward(int num_rows, const device::cuda::Stream& stream) const;
  [[nodiscard]] Status record_layer(int index, int num_rows,
                                    const device::cuda::Stream& stream) const;
  [[nodiscard]] Status record_attention(int index, int num_rows,
                                        const device::cuda::Stream& stream) const;
  [[nodiscard]] Status record_product(const kernels::cuda::ProductArgs& product, int num_rows,
                                      const device::cuda::Stream& stream) const;
  // The residual stream with what `norm` needs of it.
  [[nodiscard]] kernels::cuda::ResidualRows residual_for(const std::uint16_t* norm) const noexcept;
  [[nodiscard]] Status record_choice(int num_rows, const device::cuda::Stream& stream) const;

  struct Bucket {
    int num_rows;
    device::cuda::Graph graph;
  };

  DenseWeights weights_;
  DenseDecodeLimits limits_{};
  float epsilon_ = 0.0F;
  int num_multiprocessors_ = 0;
  device::cuda::DeviceArena arena_;
  std::vector<Bucket> buckets_;  // ascending

  float* rope_table_ = nullptr;
  std::uint16_t* kv_pool_ = nullptr;
  std::uint32_t* token_ids_ = nullptr;
  std::int32_t* positions_ = nullptr;
  std::uint32_t* block_tables_ = nullptr;
  std::uint16_t* residual_ = nullptr;   // [max_rows, dim]
  std::uint16_t* weighted_ = nullptr;   // [max_rows, dim]
  float* squares_ = nullptr;            // [max_rows, dim / kSquaresWidth]
  std::uint16_t* qkv_ = nullptr;        // [max_rows, qkv_dim]
  std::uint16_t* attended_ = nullptr;   // [max_rows, q_dim]
  std::uint16_t* activated_ = nullptr;  // [max_rows, inner]
  float* partials_ = nullptr;
  std::uint32_t* finished_ = nullptr;
  float* logits_ = nullptr;
  std::uint64_t* argmax_keys_ = nullptr;
  std::uint32_t* chosen_ = nullptr;
  std::uint32_t* nan_flags_ = nullptr;
  std::uint32_t* ring_ = nullptr;
  std::uint32_t* step_ = nullptr;
};

}  // namespace penstock::model::cuda
