// What a worker hosts: an engine made from a model's files, on some device or on none.
//
// Two exist: NativeEngine and MockEngine. Ownership: owns what its loop runs on and outlives it.
// Threading: built and asked by the owner.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ledger.h"
#include "base/result.h"
#include "engine/engine_loop.h"
#include "worker/model_assets.h"

namespace penstock::model {
struct ModelConfig;
}

namespace penstock::worker {

// What every engine can be told.
struct EngineSettings {
  std::uint32_t block_size = 32;
  std::optional<std::uint64_t> num_kv_blocks;
  std::optional<std::uint32_t> max_model_len;  // at most the model's
  std::uint32_t max_num_seqs = 256;
  std::uint32_t max_num_batched_tokens = 8192;
  std::uint32_t max_queue = 1024;
  bool prefix_caching = true;
  std::optional<Duration> itl_target;
};

class HostedEngine {
 public:
  virtual ~HostedEngine() = default;

  // The loop over what was loaded. Once.
  struct LoopDeps {  // all but the probe outlive the loop
    const Clock& clock;
    Ledger& ledger;
    engine::EngineProbe probe{};
    engine::StepTrace* trace = nullptr;
  };
  [[nodiscard]] virtual std::unique_ptr<engine::EngineLoop> make_loop(const LoopDeps& deps,
                                                                      engine::StepSink sink) = 0;

  [[nodiscard]] const EngineFacts& facts() const noexcept { return facts_; }
  // For the start log: what computes, and in which arithmetic.
  [[nodiscard]] virtual std::string description() const = 0;
  // Zero when blocks hold no bytes.
  [[nodiscard]] virtual std::uint64_t kv_pool_bytes() const noexcept { return 0; }

 protected:
  explicit HostedEngine(const EngineSettings& settings) : settings_(settings) {}

  // The model's context, or less when `max_model_len` says so.
  [[nodiscard]] Result<std::uint32_t> context_length(const model::ModelConfig& config) const;
  void set_facts(std::uint64_t num_blocks, std::uint32_t context_length);
  [[nodiscard]] std::unique_ptr<engine::EngineLoop> loop_over(
      std::unique_ptr<engine::StepRunner> runner, const LoopDeps& deps,
      engine::StepSink sink) const;

  const EngineSettings settings_;
  EngineFacts facts_;
};

// Rows of logits per step beside one per running sequence: prompt_logprobs comes in such portions.
inline constexpr std::uint32_t kMaxPromptLogitRows = 64;

}  // namespace penstock::worker
