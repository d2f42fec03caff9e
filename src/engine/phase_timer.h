// Marks the phase a step is in and measures it. Threading: the engine thread.
#pragma once

#include <atomic>

#include "base/clock.h"
#include "engine/probe.h"

namespace penstock::engine {

class [[nodiscard]] PhaseTimer final {
 public:
  PhaseTimer(std::atomic<StepPhase>& current, StepPhase phase, const Clock& clock,
             const EngineProbe& probe)
      : clock_(clock), probe_(probe), phase_(phase), begin_(clock.now()) {
    current.store(phase, std::memory_order_relaxed);
  }
  ~PhaseTimer() { probe_.phase_done(phase_, clock_.now() - begin_); }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  const Clock& clock_;
  const EngineProbe& probe_;
  StepPhase phase_;
  MonotonicTime begin_;
};

}  // namespace penstock::engine
