// Signals as values: blocked in every thread, taken by the main one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"

namespace penstock::apps {

enum class StopSignal : std::uint8_t { kInterrupt, kTerminate, kQuit };

// Call first in main, before any thread exists: threads inherit the mask.
void block_signals();
// The next stop signal, or nothing within `timeout`; SIGHUP runs `on_hangup`, and the wait goes on.
[[nodiscard]] std::optional<StopSignal> wait_for_stop(Duration timeout,
                                                      const std::function<void()>& on_hangup = {});

}  // namespace penstock::apps
