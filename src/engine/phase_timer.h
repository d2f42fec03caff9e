// Marks the phase a step is in, and measures it for metrics and trace. Threading: the engine
// thread.
#pragma once

#include <atomic>

#include "base/clock.h"
#include "engine/probe.h"
#include "engine/step_trace.h"

namespace penstock::engine {

class [[nodiscard]] PhaseTimer final {
 public:
  struct Watched {
    const Clock& clock;
    const EngineProbe& probe;
    StepTrace* trace;  // null: none
    std::uint64_t step;
  };
  PhaseTimer(std::atomic<StepPhase>& current, StepPhase phase, const Watched& watched)
      : watched_(watched), phase_(phase), begin_(watched.clock.now()) {
    current.store(phase, std::memory_order_relaxed);
  }
  ~PhaseTimer() {
    const MonotonicTime end = watched_.clock.now();
    watched_.probe.phase_done(phase_, end - begin_);
    if (watched_.trace == nullptr) return;
    watched_.trace->add(
        PhaseSlice{.phase = phase_, .begin = begin_, .end = end, .step = watched_.step});
  }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  const Watched watched_;
  const StepPhase phase_;
  const MonotonicTime begin_;
};

}  // namespace penstock::engine
