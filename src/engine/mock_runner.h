// A runner that computes nothing: real scheduling, blocks, prefix cache and events, made-up tokens.
//
// A step takes the time that a stated model of a device would (MockTiming), spent asleep. A token
// is a hash of (prompt, seed, output index, choice number), so the same request gets the same
// tokens on every mock, whatever ran beside it and wherever it went on; greedy requests leave the
// seed out. Allowed ids and bad sequences hold; penalties, bias and temperature have nothing to act
// on. EOS is never drawn: an output ends at max_tokens, at a stop or by the client.
// Threading: the engine thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "engine/step_runner.h"

namespace penstock::engine {

// time of a step = (fixed + per_row * rows + per_attended * attended) / speedup, with the rows and
// pairs of sched::StepWork. The defaults: an 8B model on one H200, as vLLM runs it.
struct MockTiming {
  double fixed_us = 4'900;
  double per_row_us = 25;
  double per_attended_ns = 0;
  double speedup = 1;  // 0 = a step takes no time

  [[nodiscard]] Duration of(const sched::StepWork& work) const noexcept;
};

struct MockOptions {
  std::uint32_t vocab_size = 0;
  // What tokens are drawn from, at least one; each below vocab_size.
  std::vector<TokenId> drawn_ids;
  MockTiming timing{};
};

class MockRunner final : public StepRunner {
 public:
  explicit MockRunner(MockOptions options);

  void prepare(const sched::StepPlan& plan, const sched::Scheduler& scheduler) override;
  // Sleeps for the step's time.
  void forward() override;
  [[nodiscard]] Result<SampledToken> sample(std::size_t i, const Draw& draw) override;
  [[nodiscard]] TokenLogprobs prompt_logprobs(std::size_t i, std::uint32_t j, TokenId next,
                                              int num_top) override;
  void copy_block(const sched::BlockCopy& /*copy*/) override {}
  [[nodiscard]] std::uint32_t vocab_size() const noexcept override { return options_.vocab_size; }

 private:
  // The `attempt`-th candidate of a draw.
  [[nodiscard]] TokenId candidate(std::uint64_t hash, std::uint32_t attempt,
                                  std::span<const TokenId> ids) const noexcept;
  [[nodiscard]] TokenLogprobs logprobs_of(std::uint64_t hash, TokenId id, int num_top) const;

  const MockOptions options_;
  sched::StepWork work_;
};

}  // namespace penstock::engine
