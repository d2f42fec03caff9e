#include "engine/model_runner.h"

#include <algorithm>

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
    : forward_(std::move(forward)),
      arena_(std::move(arena)),
      vocab_size_(vocab_size),
      sampler_(vocab_size),
      row_(vocab_size) {}

void ModelRunner::prepare(const sched::StepPlan& plan, const sched::Scheduler& scheduler) {
  token_ids_.clear();
  sequences_.clear();
  logit_rows_.clear();
  chunk_logits_.clear();
  for (const sched::ScheduledChunk& chunk : plan.chunks) {
    const sched::Sequence& sequence = scheduler.sequence(chunk.id);
    const auto first_row = static_cast<std::uint32_t>(token_ids_.size());
    sequences_.push_back({.first_row = first_row,
                          .num_rows = chunk.num_tokens,
                          .first_position = chunk.first_position,
                          .block_table = sequence.blocks.block_ids()});
    const auto tokens = sequence.blocks.token_ids().subspan(chunk.first_position, chunk.num_tokens);
    token_ids_.insert(token_ids_.end(), tokens.begin(), tokens.end());

    const bool wants_all = chunk.first_position < sequence.num_logit_rows;
    const std::uint32_t num_logits = wants_all ? chunk.num_tokens : (chunk.samples ? 1 : 0);
    chunk_logits_.push_back({static_cast<std::uint32_t>(logit_rows_.size()), num_logits});
    for (std::uint32_t i = chunk.num_tokens - num_logits; i < chunk.num_tokens; ++i) {
      logit_rows_.push_back(first_row + i);
    }
  }
}

void ModelRunner::forward() {
  logits_ = forward_->forward(
      {.token_ids = token_ids_, .sequences = sequences_, .logit_rows = logit_rows_},
      arena_.bytes());
  CHECK(logits_.size() == logit_rows_.size() * vocab_size_);
}

Result<SampledToken> ModelRunner::sample(std::size_t i, const Draw& draw) {
  const std::span<const float> row = last_row(i);
  ASSIGN_OR_RETURN(const std::span<const float> logits,
                   draw.logits.process(row, draw.generated, row_));
  SampledToken token;
  ASSIGN_OR_RETURN(
      token.id, sampler_.sample(logits, draw.request.sampling,
                                {.output_index = static_cast<std::uint32_t>(draw.generated.size()),
                                 .choice_number = draw.choice_number}));
  if (draw.request.logprobs >= 0) {
    token.logprobs = token_logprobs(row, token.id, draw.request.logprobs);
  }
  return token;
}

TokenLogprobs ModelRunner::prompt_logprobs(std::size_t i, std::uint32_t j, TokenId next,
                                           int num_top) {
  return token_logprobs(token_row(i, j), next, num_top);
}

std::span<const float> ModelRunner::last_row(std::size_t i) const {
  const ChunkLogits& rows = chunk_logits_[i];
  CHECK(rows.count > 0);
  return logits_.subspan(std::size_t{rows.first + rows.count - 1} * vocab_size_, vocab_size_);
}

std::span<const float> ModelRunner::token_row(std::size_t i, std::uint32_t j) const {
  const ChunkLogits& rows = chunk_logits_[i];
  CHECK(j < rows.count);
  return logits_.subspan(std::size_t{rows.first + j} * vocab_size_, vocab_size_);
}

void ModelRunner::copy_block(const sched::BlockCopy& copy) {
  const std::size_t size = forward_->kv_block_bytes();
  const std::span<std::byte> pool = arena_.bytes();
  std::ranges::copy(pool.subspan(copy.source.value() * size, size),
                    pool.subspan(copy.destination.value() * size, size).begin());
}

}  // namespace penstock::engine
