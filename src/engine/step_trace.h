// A file that shows what the engine did, step by step: `--trace FILE`.
//
//   ASSIGN_OR_RETURN(auto trace, StepTrace::open({.path = "steps.json"}, clock, ledger));
//   ... EngineOptions::trace = trace.get() ...
//   trace.reset();   // after the engine has stopped: the file is complete
//
// The engine thread never waits for the disk: its verbs put a small event into a bounded ring,
// which the thread `trace` writes out. When the ring is full events are dropped and counted, and
// the file's last event says how many. After a crash the file lacks its last moments and its
// closing bracket, which viewers do not mind. A write that fails ends the trace with one log line;
// the engine goes on.
// Threading: open and destroy by the owner; the verbs by one thread, the engine's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/ledger.h"
#include "base/result.h"
#include "base/spsc_ring.h"
#include "base/thread.h"
#include "engine/trace_event.h"

namespace penstock::engine {

struct StepTraceOptions {
  std::string path;                   // made anew
  std::size_t max_events = 1U << 16;  // in the ring: some seconds of a busy engine
  Duration flush_interval = std::chrono::milliseconds(50);
};

class StepTrace final {
 public:
  // The error names the path. `clock` and `ledger` outlive the trace.
  [[nodiscard]] static Result<std::unique_ptr<StepTrace>> open(StepTraceOptions options,
                                                               const Clock& clock, Ledger& ledger);
  ~StepTrace();
  StepTrace(const StepTrace&) = delete;
  StepTrace& operator=(const StepTrace&) = delete;

  void add(const TraceEvent& event) noexcept;

  [[nodiscard]] std::uint64_t num_dropped() const noexcept {
    return num_dropped_.load(std::memory_order_relaxed);
  }

 private:
  StepTrace(StepTraceOptions options, int file, const Clock& clock, Ledger& ledger);
  void run();
  void write_events();
  void flush();
  void write_out(const std::string& text);

  const StepTraceOptions options_;
  const Clock& clock_;
  const MonotonicTime origin_;
  SpscRing<TraceEvent> ring_;
  std::atomic<std::uint64_t> num_dropped_{0};

  int file_;  // the writer's; -1 once a write has failed
  std::string text_;
  Ledger::Entry entry_;

  std::mutex mutex_;
  std::condition_variable stop_;
  bool is_stopping_ = false;  // guarded by mutex_
  NamedThread thread_;
};

}  // namespace penstock::engine
