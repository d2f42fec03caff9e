// Where the time of a choice goes, from its arrival to its end.
//
//   queue -> prefill -> decode -> ended
//              ^  \      /  ^
//              |   v    v   |          from any but ended: -> ended
//               preempted
//
// The phases do not overlap, so their times add up to the choice's life in the engine. Prefill ends
// with the first token of this worker; what a preempted choice computes again counts as the phase
// it returns to. Threading: a value of the engine thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace penstock::engine {

enum class ChoicePhase : std::uint8_t { kQueue, kPrefill, kDecode, kPreempted, kEnded };
inline constexpr std::size_t kNumChoicePhases = 5;
[[nodiscard]] std::string_view to_string(ChoicePhase phase) noexcept;
[[nodiscard]] bool is_legal_transition(ChoicePhase from, ChoicePhase to) noexcept;

class PhaseClock final {
 public:
  explicit PhaseClock(MonotonicTime arrival) : since_(arrival) {}

  // An illegal transition is a bug. `at` may lie before now, but not before the last transition.
  void move_to(ChoicePhase next, MonotonicTime at);

  [[nodiscard]] ChoicePhase phase() const noexcept { return phase_; }
  // When that phase began.
  [[nodiscard]] MonotonicTime since() const noexcept { return since_; }
  // In all stays so far, a current one up to `now` included.
  [[nodiscard]] Duration time_in(ChoicePhase phase, MonotonicTime now) const noexcept;

 private:
  ChoicePhase phase_ = ChoicePhase::kQueue;
  MonotonicTime since_;
  std::array<Duration, kNumChoicePhases> total_{};
};

}  // namespace penstock::engine
