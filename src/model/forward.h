// One forward pass over a batch of sequences with paged KV: the seam between engine and model.
//
// The engine decides what runs and where KV lives (block tables); the model computes. The numerics
// contract (docs/numerics.md) holds: a row's result depends on its own tokens and KV only, never
// on the other rows, on the chunking, on the block numbers or on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace penstock::device {
class ThreadTeam;
}

namespace penstock::kernels {
enum class CpuIsa : std::uint8_t;
}

namespace penstock::model {

class ModelFiles;

enum class ComputeType : std::uint8_t { kF32, kBF16 };
enum class KvDType : std::uint8_t { kF32, kBF16 };

struct ForwardOptions {
  ComputeType compute = ComputeType::kBF16;
  KvDType kv_dtype = KvDType::kBF16;
  std::uint32_t block_size = 32;     // tokens per KV block, a multiple of 16
  std::uint32_t max_batch_rows = 0;  // most rows of one forward(); scratch is allocated for these
  std::uint32_t max_logit_rows = 0;  // most rows whose logits are asked for at once
  // The instruction set of the kernels; unset: the best one here. All of them give equal bits.
  std::optional<kernels::CpuIsa> isa{};
};

// Rows are tokens; those of one sequence are consecutive and at consecutive positions.
struct ForwardSequence {
  std::uint32_t first_row = 0;
  std::uint32_t num_rows = 0;
  std::uint32_t first_position = 0;  // KV of positions [0, first_position) is already there
  // Pool index of the block for each block_size positions; covers first_position + num_rows.
  std::span<const std::uint32_t> block_table;
};

struct ForwardBatch {
  std::span<const std::uint32_t> token_ids;  // [num_rows], each below the vocabulary size
  std::span<const ForwardSequence> sequences;
  std::span<const std::uint32_t> logit_rows;  // rows whose logits are wanted, ascending
};

// Not thread-safe: one caller, the engine thread, which is member 0 of the thread team.
class ForwardPass {
 public:
  virtual ~ForwardPass() = default;

  // Bytes of one KV block, all layers: the pool is an array of such extents, 64-byte aligned.
  [[nodiscard]] virtual std::size_t kv_block_bytes() const noexcept = 0;
  // Names the KV layout; equal strings are interchangeable bytes.
  [[nodiscard]] virtual std::string_view kv_layout() const noexcept = 0;
  // Names the arithmetic; equal strings give equal tokens.
  [[nodiscard]] virtual std::string_view numerics() const noexcept = 0;

  // Writes KV of the batch's rows into `kv_pool` and returns logits [logit_rows.size(), vocab],
  // valid until the next call. The batch is within the limits of ForwardOptions; CHECKed.
  [[nodiscard]] virtual std::span<const float> forward(const ForwardBatch& batch,
                                                       std::span<std::byte> kv_pool) = 0;
};

// Weights are repacked once by `team` (kernels/cpu/packed_matrix.h); the embedding is read from
// `files`, which outlives the result, as does `team`. Errors: kInvalid and kUnsupported name the
// option or size that cannot be, kResourceExhausted the memory that was refused.
[[nodiscard]] Result<std::unique_ptr<ForwardPass>> make_cpu_forward(const ModelFiles& files,
                                                                    const ForwardOptions& options,
                                                                    device::ThreadTeam& team);

}  // namespace penstock::model
