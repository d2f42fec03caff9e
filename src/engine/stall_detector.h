// Whether an engine is stuck: no step and no echo for too long although there is work.
//
// A decision only: values in, a verdict out. Whoever asks looks at regular intervals; time in which
// nobody looked (the whole process was stopped, the machine overloaded) counts as one interval at
// most, so that a late observer does not accuse an engine that had no chance to run either.
// Threading: a value of its owner.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "engine/step_phase.h"

namespace penstock::engine {

// What an engine shows of itself at one moment.
struct EnginePulse {
  std::uint64_t num_steps = 0;
  std::uint64_t num_echoes = 0;  // pings that went through the engine thread
  bool has_work = false;         // requests that run, wait, or have not been collected yet
  StepPhase phase{};
};

struct EngineStall {
  MonotonicTime since;  // the last sign of progress, or the begin of the work
  StepPhase phase{};    // where the engine thread is
};

struct StallVerdict {
  Duration age{};  // since the last sign of progress; 0 without work
  std::optional<EngineStall> stall;
};

class StallDetector final {
 public:
  struct Limits {
    Duration timeout;       // without progress, and the engine is stalled
    Duration max_interval;  // what the time between two looks counts at most
  };
  explicit StallDetector(Limits limits) : limits_(limits) {}

  [[nodiscard]] StallVerdict look(const EnginePulse& pulse, MonotonicTime now);

 private:
  const Limits limits_;
  EnginePulse last_;
  MonotonicTime last_look_;
  Duration age_{};
  bool has_looked_ = false;
};

}  // namespace penstock::engine
