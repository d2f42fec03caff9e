#include "engine/stall_detector.h"

#include <algorithm>
#include <utility>

namespace penstock::engine {

StallVerdict StallDetector::look(const EnginePulse& pulse, MonotonicTime now) {
  const EnginePulse before = std::exchange(last_, pulse);
  const Duration elapsed = now - std::exchange(last_look_, now);
  const bool is_first = !std::exchange(has_looked_, true);
  const bool moved = pulse.num_steps != before.num_steps || pulse.num_echoes != before.num_echoes;
  if (is_first || moved || !pulse.has_work || !before.has_work) {
    age_ = Duration::zero();
    return {};
  }
  age_ += std::min(elapsed, limits_.max_interval);
  StallVerdict verdict{.age = age_, .stall = {}};
  if (age_ >= limits_.timeout) verdict.stall = {.since = now - age_, .phase = pulse.phase};
  return verdict;
}

}  // namespace penstock::engine
