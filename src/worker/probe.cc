#include "worker/probe.h"

#include <string>

namespace penstock::worker {
namespace {

double seconds(Duration d) noexcept {
  return static_cast<double>(d.count()) * 1e-9;
}

}  // namespace

WorkerProbe::WorkerProbe(const metrics::Scope& scope) {
  requests_ = scope.counter("requests_total", "Requests that ended.");
  constexpr std::array<const char*, kNumErrorCodes> kErrors = {
      "invalid", "grammar", "kv_capacity", "overloaded", "draining", "slow_consumer", "internal"};
  for (std::size_t i = 0; i < kNumErrorCodes; ++i) {
    errors_[i] = scope.counter("errors_total", "Requests that ended by an error.",
                               {"error_type", kErrors[i]});
  }
  slow_consumers_ =
      scope.counter("slow_consumer_total", "Frontends that were cut because they did not read.");
  uptime_ = scope.gauge("uptime_seconds", "Since the start of the worker.");
  progress_age_ = scope.gauge("progress_age_seconds",
                              "Since the engine's last step or echo, while it has work; else 0.");
  for (std::size_t i = 0; i < kNumLedgerKinds; ++i) {
    const auto kind = static_cast<LedgerKind>(i);
    held_[i] = scope.gauge("ledger_held", "What is held, in units, by kind.",
                           {"kind", std::string(to_string(kind))});
  }
}

void WorkerProbe::request_refused(rpc::WorkerErrorCode code) const noexcept {
  requests_.add();
  errors_[static_cast<std::size_t>(code)].add();
}

void WorkerProbe::slow_consumer_cut() const noexcept {
  slow_consumers_.add();
}

void WorkerProbe::uptime_is(Duration uptime) const noexcept {
  uptime_.set(seconds(uptime));
}

void WorkerProbe::progress_age_is(Duration age) const noexcept {
  progress_age_.set(seconds(age));
}

void WorkerProbe::ledger_is(const Ledger& ledger) const noexcept {
  for (std::size_t i = 0; i < kNumLedgerKinds; ++i) {
    held_[i].set(static_cast<double>(ledger.held(static_cast<LedgerKind>(i))));
  }
}

void record_start_phase(const metrics::Scope& scope, std::string_view phase, Duration took) {
  scope
      .gauge("start_phase_seconds", "Time of each phase of the start.",
             {"phase", std::string(phase)})
      .set(seconds(took));
}

}  // namespace penstock::worker
