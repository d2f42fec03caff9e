// What one engine step computes: a value, made by Scheduler::schedule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "sched/sequence.h"
#include "sched/step_work.h"

namespace penstock::sched {

// Consecutive positions of one sequence.
struct ScheduledChunk {
  SequenceId id;
  std::uint32_t first_position = 0;
  std::uint32_t num_tokens = 0;
  // The chunk reaches the last known token, so its last row yields the next one.
  bool samples = false;
};

// A choice that goes on from another's prompt: its first token is sampled from the same logits.
struct ScheduledFork {
  SequenceId id;
  std::size_t chunk = 0;          // of the plan: the one whose last row it samples from
  std::optional<BlockCopy> copy;  // to be made before the next step
};

struct StepPlan {
  std::vector<ScheduledChunk> chunks;
  std::vector<SequenceId> admitted;   // began to run in this step, preempted ones again
  std::vector<SequenceId> preempted;  // gave their blocks back to others
  std::uint32_t num_tokens = 0;
  std::uint32_t num_decodes = 0;     // chunks of sequences that are decoding
  std::uint32_t num_logit_rows = 0;  // at most: samples, and prompt tokens whose logits are wanted
  // Tokens that sequences starting in this step look up in the prefix cache, and find there.
  std::uint32_t num_queried_tokens = 0;
  std::uint32_t num_hit_tokens = 0;
  StepWork work;

  [[nodiscard]] bool empty() const noexcept { return chunks.empty(); }
};

}  // namespace penstock::sched
