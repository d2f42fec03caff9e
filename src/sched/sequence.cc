#include "sched/sequence.h"

#include "base/check.h"

namespace penstock::sched {

std::string_view to_string(SequenceState state) noexcept {
  switch (state) {
    case SequenceState::kWaiting:
      return "waiting";
    case SequenceState::kRunning:
      return "running";
    case SequenceState::kFinished:
      return "finished";
  }
  return "?";
}

bool is_legal_transition(SequenceState from, SequenceState to) noexcept {
  switch (from) {
    case SequenceState::kWaiting:
      return to == SequenceState::kRunning || to == SequenceState::kFinished;
    case SequenceState::kRunning:
      return to == SequenceState::kWaiting || to == SequenceState::kFinished;
    case SequenceState::kFinished:
      return false;
  }
  return false;
}

Sequence::Sequence(const SequenceSpec& spec, SequenceBlocks its_blocks, Tenant& its_tenant)
    : id(spec.id),
      max_tokens(spec.max_tokens),
      num_logit_rows(spec.num_logit_rows),
      strict_priority(spec.strict_priority),
      is_migrated(spec.migrations > 0),
      arrival(spec.arrival),
      rank(spec.arrival - std::chrono::seconds(spec.priority)),
      fork_of(spec.fork_of),
      tenant(&its_tenant),
      blocks(std::move(its_blocks)),
      num_given(blocks.num_known()) {}

void Sequence::move_to(SequenceState next) {
  CHECK(is_legal_transition(state, next), "sched invariant 1: sequence {} from {} to {}",
        id.value(), to_string(state), to_string(next));
  state = next;
}

}  // namespace penstock::sched
