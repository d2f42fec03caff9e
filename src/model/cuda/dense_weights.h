// The weights of a dense Llama or Qwen3 model on one device: matrices in panels
// (kernels/cuda/weight_panels.h), norms plain, all bf16.
//
// Ownership: one device buffer for all of it. Threading: one thread; queued on the caller's stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "device/cuda/memory.h"
#include "device/cuda/stream.h"

namespace penstock::model::cuda {

struct DenseShape {
  int num_layers;
  int dim;          // a multiple of 32
  int inner;        // a multiple of 32
  int num_q_heads;  // 1, 2, 4 or 8 times num_kv_heads
  int num_kv_heads;
  int head_dim;                  // 64 or 128
  int vocab_size;                // a multiple of 16
  bool has_qk_norm = false;      // Qwen3
  bool ties_embeddings = false;  // the head is the embedding

  [[nodiscard]] constexpr int q_dim() const noexcept { return num_q_heads * head_dim; }
  [[nodiscard]] constexpr int qkv_dim() const noexcept {
    return (num_q_heads + (2 * num_kv_heads)) * head_dim;
  }
};

struct DenseLayer {
  std::uint16_t* qkv;             // [qkv_dim, dim]: q, k, v
  std::uint16_t* out;             // [dim, q_dim]
  std::uint16_t* gate_up;         // [2 inner, dim]: 8 rows of gate and 8 of up a tile
  std::uint16_t* down;            // [dim, inner]
  std::uint16_t* attention_norm;  // [dim]
  std::uint16_t* ffn_norm;        // [dim]
  std::uint16_t* q_norm;          // [head_dim], or null
  std::uint16_t* k_norm;          // [head_dim], or null
};

enum class DenseMatrix : std::uint8_t { kQkv, kOut, kGate, kUp, kDown };

class DenseWeights final {
 public:
  DenseWeights() = default;
  // Contents are unspecified. kResourceExhausted names the size and what was free.
  [[nodiscard]] static Result<DenseWeights> allocate(const DenseShape& shape);

  // Everything random, from a seed: matrices about 1 / sqrt(inputs) wide, norms about 1.
  [[nodiscard]] Status fill_random(std::uint64_t seed, const device::cuda::Stream& stream);
  // From row-major bf16 on the device; q, k and v rows one after the other.
  [[nodiscard]] Status pack(int layer, DenseMatrix matrix, const std::uint16_t* rows,
                            const device::cuda::Stream& stream);
  [[nodiscard]] Status pack_embedding(const std::uint16_t* rows,
                                      const device::cuda::Stream& stream);
  // Only when embeddings are not tied.
  [[nodiscard]] Status pack_head(const std::uint16_t* rows, const device::cuda::Stream& stream);

  [[nodiscard]] std::uint16_t* final_norm() const noexcept { return final_norm_; }
  [[nodiscard]] const DenseShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const DenseLayer& layer(int index) const {
    return layers_.at(static_cast<std::size_t>(index));
  }
  [[nodiscard]] const std::uint16_t* embedding() const noexcept { return embedding_; }
  [[nodiscard]] const std::uint16_t* head() const noexcept { return head_; }
  // What a decode step reads of it: all but the embedding's other rows.
  [[nodiscard]] std::size_t bytes_per_step() const noexcept;

 private:
  [[nodiscard]] Status take_layer();

  DenseShape shape_{};
  device::cuda::DeviceArena arena_;
  std::vector<DenseLayer> layers_;
  std::uint16_t* embedding_ = nullptr;
  std::uint16_t* head_ = nullptr;
  std::uint16_t* final_norm_ = nullptr;
};

}  // namespace penstock::model::cuda
