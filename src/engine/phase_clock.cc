#include "engine/phase_clock.h"

#include "base/check.h"

namespace penstock::engine {

std::string_view to_string(ChoicePhase phase) noexcept {
  constexpr std::string_view kNames[kNumChoicePhases] = {"queue", "prefill", "decode", "preempted",
                                                         "ended"};
  return kNames[static_cast<std::size_t>(phase)];
}

bool is_legal_transition(ChoicePhase from, ChoicePhase to) noexcept {
  switch (to) {
    case ChoicePhase::kQueue:
      return false;
    case ChoicePhase::kPrefill:
      return from == ChoicePhase::kQueue || from == ChoicePhase::kPreempted;
    case ChoicePhase::kDecode:
      return from == ChoicePhase::kPrefill || from == ChoicePhase::kPreempted;
    case ChoicePhase::kPreempted:
      return from == ChoicePhase::kPrefill || from == ChoicePhase::kDecode;
    case ChoicePhase::kEnded:
      return from != ChoicePhase::kEnded;
  }
  return false;
}

void PhaseClock::move_to(ChoicePhase next, MonotonicTime at) {
  CHECK(is_legal_transition(phase_, next), "engine invariant 6: a choice goes from {} to {}",
        to_string(phase_), to_string(next));
  total_[static_cast<std::size_t>(phase_)] += at - since_;
  phase_ = next;
  since_ = at;
}

Duration PhaseClock::time_in(ChoicePhase phase, MonotonicTime now) const noexcept {
  const Duration past = total_[static_cast<std::size_t>(phase)];
  return phase == phase_ ? past + (now - since_) : past;
}

}  // namespace penstock::engine
