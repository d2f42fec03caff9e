// The phases of an engine step, in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::engine {

enum class StepPhase : std::uint8_t {
  kCollect,   // submits, cancels, deadlines
  kSchedule,  // a StepPlan
  kPrepare,   // batch buffers
  kForward,   // logits
  kSample,    // tokens
  kCommit,    // tokens appended, sequences finished
  kPublish,   // one report
};
inline constexpr std::size_t kNumStepPhases = 7;

[[nodiscard]] constexpr std::string_view to_string(StepPhase phase) noexcept {
  constexpr std::string_view kNames[kNumStepPhases] = {"collect", "schedule", "prepare", "forward",
                                                       "sample",  "commit",   "publish"};
  return kNames[static_cast<std::size_t>(phase)];
}

}  // namespace penstock::engine
