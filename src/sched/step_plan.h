// What one engine step computes: a value, made by Scheduler::schedule.
#pragma once

#include <cstdint>
#include <vector>

#include "sched/sequence.h"

namespace penstock::sched {

// Consecutive positions of one sequence.
struct ScheduledChunk {
  SequenceId id;
  std::uint32_t first_position = 0;
  std::uint32_t num_tokens = 0;
  // The chunk reaches the last known token, so its last row yields the next one.
  bool samples = false;
};

struct StepPlan {
  std::vector<ScheduledChunk> chunks;
  std::vector<SequenceId> admitted;   // began to run in this step, preempted ones again
  std::vector<SequenceId> preempted;  // gave their blocks back to others
  std::uint32_t num_tokens = 0;
  std::uint32_t num_decodes = 0;  // chunks of sequences that are decoding

  [[nodiscard]] bool empty() const noexcept { return chunks.empty(); }
};

}  // namespace penstock::sched
