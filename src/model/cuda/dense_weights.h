// The weights of a dense Llama or Qwen3 model on one device, in the layout that decode_step.h
// reads.
//
// Ownership: one device buffer for all of it. Threading: one thread; queued on the caller's stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "device/cuda/memory.h"
#include "device/cuda/stream.h"
#include "kernels/cuda/decode_step.h"

namespace penstock::model::cuda {

struct DenseModelShape {
  kernels::cuda::DecodeShape decode;
  bool has_qk_norm = false;      // Qwen3
  bool ties_embeddings = false;  // the head is the embedding
};

enum class DenseMatrix : std::uint8_t { kQkv, kOut, kGate, kUp, kDown };
enum class DenseNorm : std::uint8_t { kAttention, kFfn, kQ, kK };

class DenseWeights final {
 public:
  DenseWeights() = default;
  // Contents are unspecified. kResourceExhausted names the size and what was free.
  [[nodiscard]] static Result<DenseWeights> allocate(const DenseModelShape& shape,
                                                     const device::cuda::Stream& stream);

  // Everything random, from a seed: matrices about 1 / sqrt(inputs) wide, norms about 1.
  [[nodiscard]] Status fill_random(std::uint64_t seed, const device::cuda::Stream& stream);
  // From row-major bf16 on the device; q, k and v rows one after the other.
  [[nodiscard]] Status pack(int layer, DenseMatrix matrix, const std::uint16_t* rows,
                            const device::cuda::Stream& stream);
  [[nodiscard]] Status pack_embedding(const std::uint16_t* rows,
                                      const device::cuda::Stream& stream);
  // Only when embeddings are not tied.
  [[nodiscard]] Status pack_head(const std::uint16_t* rows, const device::cuda::Stream& stream);

  // Where a norm's bf16 weights are; null for a norm that the model has not.
  [[nodiscard]] std::uint16_t* norm(int layer, DenseNorm norm) const;
  [[nodiscard]] std::uint16_t* final_norm() const noexcept { return final_norm_; }
  [[nodiscard]] const DenseModelShape& shape() const noexcept { return shape_; }
  [[nodiscard]] const kernels::cuda::DecodeLayer* layers() const noexcept { return device_layers_; }
  [[nodiscard]] const std::uint16_t* embedding() const noexcept { return embedding_; }
  [[nodiscard]] const std::uint16_t* head() const noexcept { return head_; }
  // What a decode step reads of it: all but the embedding's other rows.
  [[nodiscard]] std::size_t bytes_per_step() const noexcept;

 private:
  [[nodiscard]] Status take_layer();

  DenseModelShape shape_{};
  device::cuda::DeviceArena arena_;
  std::vector<kernels::cuda::DecodeLayer> layers_;
  kernels::cuda::DecodeLayer* device_layers_ = nullptr;
  std::uint16_t* embedding_ = nullptr;
  std::uint16_t* head_ = nullptr;
  std::uint16_t* final_norm_ = nullptr;
};

}  // namespace penstock::model::cuda
