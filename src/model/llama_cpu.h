// The forward pass of the Llama family on the CPU: a fixed list of phases per layer, each begun
// when the one before is done.
//
//   norm | q k v | RoPE and KV write | attention | o + residual |
//   norm | gate up | SwiGLU | down + residual
//
// A phase is a set of independent items (panels of a matrix, rows, attention blocks) that the
// members claim. Numerics: docs/numerics.md. Threading and ownership: model/forward.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/cpu/work_queue.h"
#include "kernels/cpu/kernels.h"
#include "model/config.h"
#include "model/forward.h"
#include "model/forward_scratch.h"
#include "model/packed_weights.h"

namespace penstock::model {

class LlamaCpu final : public ForwardPass {
 public:
  struct Parts {
    ModelConfig config;
    ForwardOptions options;
    PackedWeights weights;
    ForwardScratch scratch;
    const kernels::CpuKernels* kernels = nullptr;
    device::ThreadTeam* team = nullptr;
  };
  explicit LlamaCpu(Parts parts);

  [[nodiscard]] std::size_t kv_block_bytes() const noexcept override;
  [[nodiscard]] std::string_view kv_layout() const noexcept override { return kv_layout_; }
  [[nodiscard]] std::string_view numerics() const noexcept override { return numerics_; }
  [[nodiscard]] std::span<const float> forward(const ForwardBatch& batch,
                                               std::span<std::byte> kv_pool) override;

 private:
  // Query heads of some rows of one sequence that attend together.
  struct AttentionItem {
    const ForwardSequence* sequence;
    std::uint32_t kv_head;
    std::uint32_t first_query;  // row of the sequence * heads per group + head in the group
    std::uint32_t num_queries;
  };
  // One matrix of a phase, its outputs at a column of the phase's rows.
  struct Product {
    const kernels::PackedMatrix* matrix;
    std::size_t column;
  };
  class Member;  // what one team member does during forward()

  void check(const ForwardBatch& batch, std::span<std::byte> kv_pool) const;
  void plan(const ForwardBatch& batch, std::span<std::byte> kv_pool);

  ModelConfig config_;
  ForwardOptions options_;
  PackedWeights weights_;
  ForwardScratch scratch_;
  const kernels::CpuKernels& kernels_;
  device::ThreadTeam& team_;
  RopeTable rope_;
  kernels::KvShape kv_shape_;
  std::string kv_layout_;
  std::string numerics_;
  device::WorkQueue queue_;

  // Of the batch being computed.
  const ForwardBatch* batch_ = nullptr;
  std::byte* kv_pool_ = nullptr;
  std::vector<const ForwardSequence*> row_sequence_;  // [rows]
  std::vector<AttentionItem> attention_items_;
};

}  // namespace penstock::model
