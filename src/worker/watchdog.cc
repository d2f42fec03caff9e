#include "worker/watchdog.h"

#include <algorithm>

#include "base/log.h"

namespace penstock::worker {
namespace {

constexpr int kLooksPerTimeout = 10;
constexpr Duration kMinInterval = std::chrono::milliseconds(10);
constexpr Duration kMaxInterval = std::chrono::milliseconds(500);  // gauges are as old at most

}  // namespace

Watchdog::Watchdog(Duration stall_timeout, Watched watched, const WorkerProbe& probe)
    : watched_(watched),
      probe_(probe),
      interval_(std::clamp(stall_timeout / kLooksPerTimeout, kMinInterval, kMaxInterval)),
      began_(watched.clock.now()),
      detector_({.timeout = stall_timeout, .max_interval = 2 * interval_}) {}

void Watchdog::start() {
  thread_ = NamedThread("watchdog", [this] { run(); });
}

void Watchdog::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, interval_, [this] { return is_stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void Watchdog::look() {
  const MonotonicTime now = watched_.clock.now();
  const engine::EnginePulse pulse = watched_.engine.pulse();
  const engine::StallVerdict verdict = detector_.look(pulse, now);
  probe_.uptime_is(now - began_);
  probe_.progress_age_is(verdict.age);
  probe_.ledger_is(watched_.ledger);

  std::optional<engine::EngineStall> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(stall_, verdict.stall);
  }
  if (verdict.stall && !before) {
    log_error("the engine is stalled: no step for {:.1f} s although it has work; step {}, phase {}",
              to_ms(verdict.age) * 1e-3, pulse.num_steps + 1, to_string(pulse.phase));
  } else if (before && !verdict.stall) {
    log_warning("the engine goes on after {:.1f} s without a step",
                to_ms(now - before->since) * 1e-3);
  }
}

std::optional<engine::EngineStall> Watchdog::stall() const {
  const std::lock_guard lock(mutex_);
  return stall_;
}

}  // namespace penstock::worker
