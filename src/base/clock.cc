#include "base/clock.h"

namespace penstock {

MonotonicTime SystemClock::now() const noexcept {
  return {std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())
              .count()};
}

std::int64_t SystemClock::unix_us() const noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace penstock
