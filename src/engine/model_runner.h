// A step plan made into a batch, and the batch computed: the engine's side of model/forward.h.
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
#include "engine/live_requests.h"
#include "model/forward.h"
#include "sched/scheduler.h"
#include "sched/step_plan.h"

namespace penstock::engine {

class ModelRunner final {
 public:
  // kResourceExhausted when the arena cannot be had, naming its size.
  [[nodiscard]] static Result<std::unique_ptr<ModelRunner>> create(
      std::unique_ptr<model::ForwardPass> forward, std::uint32_t num_blocks,
      std::uint32_t vocab_size);

  // Fills the batch buffers from the plan. Chunks that sample get a row of logits each, in plan
  // order.
  void prepare(const sched::StepPlan& plan, const sched::Scheduler& scheduler,
               LiveRequests& requests);
  // Computes what prepare() laid out. `sampled_row(i)` is then the logits of the i-th chunk that
  // samples, until the next call.
  void forward();
  [[nodiscard]] std::span<const float> sampled_row(std::size_t i) const noexcept;

  [[nodiscard]] std::uint32_t vocab_size() const noexcept { return vocab_size_; }
  [[nodiscard]] const model::ForwardPass& pass() const noexcept { return *forward_; }

 private:
  ModelRunner(std::unique_ptr<model::ForwardPass> forward, device::HostBuffer arena,
              std::uint32_t vocab_size);

  std::unique_ptr<model::ForwardPass> forward_;
  device::HostBuffer arena_;
  std::uint32_t vocab_size_;
  std::vector<std::uint32_t> token_ids_;           // [rows of the step]
  std::vector<model::ForwardSequence> sequences_;  // one per chunk
  std::vector<std::uint32_t> logit_rows_;          // ascending
  std::span<const float> logits_;                  // [logit_rows, vocab]
};

}  // namespace penstock::engine
