// The worker's own metrics, as verbs; those of the engine are engine/probe.h, under the same prefix
// and labels. Threading: any thread.
#pragma once

#include <array>
#include <string_view>

#include "base/clock.h"
#include "base/ledger.h"
#include "metrics/scope.h"
#include "rpc/messages.h"

namespace penstock::worker {

class WorkerProbe final {
 public:
  WorkerProbe() = default;  // counts nothing
  explicit WorkerProbe(const metrics::Scope& scope);

  // A submit that never reached the engine.
  void request_refused(rpc::WorkerErrorCode code) const noexcept;
  void slow_consumer_cut() const noexcept;
  void uptime_is(Duration uptime) const noexcept;
  void progress_age_is(Duration age) const noexcept;
  void ledger_is(const Ledger& ledger) const noexcept;

 private:
  static constexpr std::size_t kNumErrorCodes = 7;

  metrics::Counter requests_;
  std::array<metrics::Counter, kNumErrorCodes> errors_;
  metrics::Counter slow_consumers_;
  metrics::Gauge uptime_;
  metrics::Gauge progress_age_;
  std::array<metrics::Gauge, kNumLedgerKinds> held_;
};

// How long a phase of the start took; `phase` comes from a fixed set.
void record_start_phase(const metrics::Scope& scope, std::string_view phase, Duration took);

}  // namespace penstock::worker
