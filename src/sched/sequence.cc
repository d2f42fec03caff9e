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
  return "unknown";
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

void Sequence::move_to(SequenceState next) {
  CHECK(is_legal_transition(state, next), "sched invariant 1: {} -> {}", to_string(state),
        to_string(next));
  state = next;
}

}  // namespace penstock::sched
