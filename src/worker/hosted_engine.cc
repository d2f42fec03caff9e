#include "worker/hosted_engine.h"

#include <algorithm>

#include "base/check.h"
#include "model/config.h"

namespace penstock::worker {

Result<std::uint32_t> HostedEngine::context_length(const model::ModelConfig& config) const {
  const std::uint32_t context = settings_.max_model_len.value_or(config.context_length);
  if (context < 2 || context > config.context_length) {
    return make_error(ErrorCode::kInvalid,
                      "--max-model-len {} must be at least 2 and at most the model's context of {}",
                      context, config.context_length);
  }
  return context;
}

void HostedEngine::set_facts(std::uint64_t num_blocks, std::uint32_t context_length) {
  facts_.block_size = settings_.block_size;
  facts_.total_kv_blocks = num_blocks;
  facts_.context_length = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(context_length, num_blocks * settings_.block_size));
  facts_.max_num_seqs = settings_.max_num_seqs;
  facts_.max_num_batched_tokens = settings_.max_num_batched_tokens;
}

std::unique_ptr<engine::EngineLoop> HostedEngine::loop_over(
    std::unique_ptr<engine::StepRunner> runner, const LoopDeps& deps, engine::StepSink sink) const {
  CHECK(runner != nullptr, "make_loop() is called once");
  engine::EngineOptions options;
  options.num_blocks = static_cast<std::uint32_t>(facts_.total_kv_blocks);
  options.context_length = facts_.context_length;
  options.limits = {.block_size = settings_.block_size,
                    .max_running = settings_.max_num_seqs,
                    .max_waiting = settings_.max_queue,
                    .max_step_tokens = settings_.max_num_batched_tokens,
                    .max_prompt_logit_rows = kMaxPromptLogitRows,
                    .itl_target = settings_.itl_target};
  options.prefix_caching = settings_.prefix_caching;
  options.trace = deps.trace;
  return std::make_unique<engine::EngineLoop>(options, std::move(runner), deps.clock, deps.ledger,
                                              deps.probe, std::move(sink));
}

}  // namespace penstock::worker
