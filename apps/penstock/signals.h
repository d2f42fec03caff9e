// Signals as values: blocked in every thread, taken by the main one.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace penstock::apps {

enum class StopSignal : std::uint8_t { kInterrupt, kTerminate, kQuit };

// Call first in main, before any thread exists: threads inherit the mask.
void block_signals();
// The next stop signal, or nothing within `timeout`.
[[nodiscard]] std::optional<StopSignal> wait_for_stop(Duration timeout);

}  // namespace penstock::apps
