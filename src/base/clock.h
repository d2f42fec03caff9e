// Time as a parameter.
//
// Deadlines and durations use the monotonic clock only; the wall clock is for stamps that leave
// the process (`created`, epochs). Pure rooms take a MonotonicTime and never ask for one.
// Threading: both implementations may be read from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace penstock {

using Duration = std::chrono::nanoseconds;

// A point on the process's monotonic clock. The type is our own so that no other clock mixes in.
struct MonotonicTime {
  std::int64_t ns = 0;

  friend constexpr auto operator<=>(MonotonicTime, MonotonicTime) noexcept = default;
  friend constexpr MonotonicTime operator+(MonotonicTime t, Duration d) noexcept {
    return {t.ns + d.count()};
  }
  friend constexpr MonotonicTime operator-(MonotonicTime t, Duration d) noexcept {
    return {t.ns - d.count()};
  }
  friend constexpr Duration operator-(MonotonicTime a, MonotonicTime b) noexcept {
    return Duration(a.ns - b.ns);
  }
  static constexpr MonotonicTime max() noexcept { return {INT64_MAX}; }
};

[[nodiscard]] constexpr double to_ms(Duration d) noexcept {
  return static_cast<double>(d.count()) * 1e-6;
}
[[nodiscard]] constexpr std::int64_t to_us(Duration d) noexcept {
  return d.count() / 1000;
}

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonotonicTime now() const noexcept = 0;
  // Microseconds since the Unix epoch.
  [[nodiscard]] virtual std::int64_t unix_us() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime now() const noexcept override;
  [[nodiscard]] std::int64_t unix_us() const noexcept override;
};

// Moves only when told: tests and simulations.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime now() const noexcept override {
    return {now_ns_.load(std::memory_order_acquire)};
  }
  [[nodiscard]] std::int64_t unix_us() const noexcept override {
    return 1'700'000'000'000'000 + now_ns_.load(std::memory_order_acquire) / 1000;
  }
  void advance(Duration d) noexcept { now_ns_.fetch_add(d.count(), std::memory_order_acq_rel); }

 private:
  std::atomic<std::int64_t> now_ns_{1'000'000'000};
};

}  // namespace penstock
