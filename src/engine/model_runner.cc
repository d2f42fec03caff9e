#include "engine/model_runner.h"

#include "base/check.h"

namespace penstock::engine {

Result<std::unique_ptr<ModelRunner>> ModelRunner::create(
    std::unique_ptr<model::ForwardPass> forward, std::uint32_t num_blocks,
    std::uint32_t vocab_size) {
  auto arena = device::HostBuffer::allocate(forward->kv_block_bytes() * num_blocks);
  if (!arena) return std::unexpected(std::move(arena).error().with_context("KV pool"));
  return std::unique_ptr<ModelRunner>(
      new ModelRunner(std::move(forward), std::move(*arena), vocab_size));
}

ModelRunner::ModelRunner(std::unique_ptr<model::ForwardPass> forward, device::HostBuffer arena,
                         std::uint32_t vocab_size)
    : forward_(std::move(forward)), arena_(std::move(arena)), vocab_size_(vocab_size) {}

void ModelRunner::prepare(const sched::StepPlan& plan, const sched::Scheduler& scheduler,
                          LiveRequests& requests) {
  token_ids_.clear();
  sequences_.clear();
  logit_rows_.clear();
  for (const sched::ScheduledChunk& chunk : plan.chunks) {
    const LiveChoice& choice = requests.choice(chunk.id);
    sequences_.push_back({.first_row = static_cast<std::uint32_t>(token_ids_.size()),
                          .num_rows = chunk.num_tokens,
                          .first_position = chunk.first_position,
                          .block_table = scheduler.block_ids(chunk.id)});
    for (std::uint32_t i = 0; i < chunk.num_tokens; ++i) {
      token_ids_.push_back(choice.token_at(chunk.first_position + i));
    }
    if (chunk.samples) logit_rows_.push_back(static_cast<std::uint32_t>(token_ids_.size() - 1));
  }
}

void ModelRunner::forward() {
  logits_ = forward_->forward(
      {.token_ids = token_ids_, .sequences = sequences_, .logit_rows = logit_rows_},
      arena_.bytes());
  CHECK(logits_.size() == logit_rows_.size() * vocab_size_);
}

std::span<const float> ModelRunner::sampled_row(std::size_t i) const noexcept {
  return logits_.subspan(i * vocab_size_, vocab_size_);
}

}  // namespace penstock::engine
