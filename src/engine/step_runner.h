// What computes an engine's steps: a plan in, one token per sampling choice out.
//
// The loop decides what runs; a runner holds weights, KV bytes and the sampler, on whatever device
// it is. Two exist: ModelRunner (a forward pass and a sampler on the CPU) and MockRunner (nothing
// computed, the time of it spent). Threading: the engine thread. Calls come in the order
// prepare, forward, then any of the others, once per step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "engine/logit_processor.h"
#include "engine/request.h"
#include "sched/scheduler.h"
#include "sched/step_plan.h"

namespace penstock::engine {

// What a token is drawn for.
struct Draw {
  const EngineRequest& request;
  const LogitProcessor& logits;
  std::span<const TokenId> generated;  // by this choice so far
  std::uint32_t choice_number = 0;
};

struct SampledToken {
  TokenId id = 0;
  TokenLogprobs logprobs{};  // when the request asks for them
};

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Lays out the plan's batch.
  virtual void prepare(const sched::StepPlan& plan, const sched::Scheduler& scheduler) = 0;
  // Computes what prepare() laid out.
  virtual void forward() = 0;

  // The token after the plan's chunk `i`, which samples. An error ends that choice alone:
  // kInvalid when the request's own settings leave no token, else kInternal.
  [[nodiscard]] virtual Result<SampledToken> sample(std::size_t i, const Draw& draw) = 0;
  // How likely `next` was after token `j` of chunk `i`, all of whose tokens want their logits.
  [[nodiscard]] virtual TokenLogprobs prompt_logprobs(std::size_t i, std::uint32_t j, TokenId next,
                                                      int num_top) = 0;
  // Bytes of one KV block onto another.
  virtual void copy_block(const sched::BlockCopy& copy) = 0;

  [[nodiscard]] virtual std::uint32_t vocab_size() const noexcept = 0;
};

}  // namespace penstock::engine
