// A step plan made into a batch, the batch computed, tokens drawn: the engine's side of
// model/forward.h.
//
// Owns the forward pass and the KV arena; block i of the pool is extent i of the arena.
// Threading: the engine thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "device/cpu/host_buffer.h"
#include "engine/sampler.h"
#include "engine/step_runner.h"
#include "model/forward.h"
#include "sched/scheduler.h"
#include "sched/step_plan.h"

namespace penstock::engine {

class ModelRunner final : public StepRunner {
 public:
  // kResourceExhausted when the arena cannot be had, naming its size.
  [[nodiscard]] static Result<std::unique_ptr<ModelRunner>> create(
      std::unique_ptr<model::ForwardPass> forward, std::uint32_t num_blocks,
      std::uint32_t vocab_size);

  void prepare(const sched::StepPlan& plan, const sched::Scheduler& scheduler) override;
  void forward() override;
  [[nodiscard]] Result<SampledToken> sample(std::size_t i, const Draw& draw) override;
  [[nodiscard]] TokenLogprobs prompt_logprobs(std::size_t i, std::uint32_t j, TokenId next,
                                              int num_top) override;
  void copy_block(const sched::BlockCopy& copy) override;
  [[nodiscard]] std::uint32_t vocab_size() const noexcept override { return vocab_size_; }

 private:
  // Logits after the last token of chunk `i`, and after token `j` of it.
  [[nodiscard]] std::span<const float> last_row(std::size_t i) const;
  [[nodiscard]] std::span<const float> token_row(std::size_t i, std::uint32_t j) const;

  ModelRunner(std::unique_ptr<model::ForwardPass> forward, device::HostBuffer arena,
              std::uint32_t vocab_size);

  std::unique_ptr<model::ForwardPass> forward_;
  device::HostBuffer arena_;
  std::uint32_t vocab_size_;
  std::vector<std::uint32_t> token_ids_;           // [rows of the step]
  std::vector<model::ForwardSequence> sequences_;  // one per chunk
  std::vector<std::uint32_t> logit_rows_;          // ascending
  struct ChunkLogits {
    std::uint32_t first = 0;  // in logit_rows_
    std::uint32_t count = 0;
  };
  std::vector<ChunkLogits> chunk_logits_;  // one per chunk
  std::span<const float> logits_;          // [logit_rows, vocab]
  Sampler sampler_;
  std::vector<float> row_;  // a row of logits that is being changed
};

}  // namespace penstock::engine
