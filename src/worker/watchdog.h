// Watches that an engine which has work makes progress, and says so when it does not.
//
// Looks several times per timeout; what it saw last is what `/live` and readiness ask. A stall is
// logged once, and so is its end: the engine may go on by itself. Each look also refreshes the
// gauges that change without an event.
// Threading: start and stop by the owner; the thread `watchdog` looks; stall() from any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "base/clock.h"
#include "base/ledger.h"
#include "base/thread.h"
#include "engine/engine_loop.h"
#include "engine/stall_detector.h"
#include "worker/probe.h"

namespace penstock::worker {

class Watchdog final {
 public:
  // All of it outlives the watchdog.
  struct Watched {
    const engine::EngineLoop& engine;
    const Clock& clock;
    const Ledger& ledger;
  };
  Watchdog(Duration stall_timeout, Watched watched, const WorkerProbe& probe);
  ~Watchdog() { stop(); }

  void start();
  void stop();

  // One look. The thread calls it every interval() from start() to stop(); before and after, a test
  // may.
  void look();
  [[nodiscard]] Duration interval() const noexcept { return interval_; }

  // What the last look found: where and since when the engine is stuck, if it is.
  [[nodiscard]] std::optional<engine::EngineStall> stall() const;

 private:
  void run();

  const Watched watched_;
  const WorkerProbe probe_;
  const Duration interval_;
  const MonotonicTime began_;
  engine::StallDetector detector_;  // of whoever looks

  mutable std::mutex mutex_;
  std::condition_variable stop_;
  bool is_stopping_ = false;                  // guarded by mutex_
  std::optional<engine::EngineStall> stall_;  // guarded by mutex_
  NamedThread thread_;
};

}  // namespace penstock::worker
