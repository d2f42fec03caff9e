// Signals as values: blocked in every thread, taken by the main one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace penstock::apps {

enum class StopSignal : std::uint8_t { kInterrupt, kTerminate, kQuit };

// What SIGHUP reads again. A file that has become bad leaves what it said before in force.
// Threading: the main thread's.
class ReloadList final {
 public:
  // `what` names the file in the log; `reload` fails without having changed anything.
  void add(std::string what, std::function<Status()> reload) {
    entries_.emplace_back(std::move(what), std::move(reload));
  }
  // Every entry, whatever happens to the others; one log line each.
  void run() const;

 private:
  std::vector<std::pair<std::string, std::function<Status()>>> entries_;
};

// Call first in main, before any thread exists: threads inherit the mask.
void block_signals();
// The next stop signal, or nothing within `timeout`. A SIGHUP on the way runs `reloads`, unless it
// says that the terminal this process was started from is gone (and not under nohup): that is the
// interrupt it would have been without any handling.
[[nodiscard]] std::optional<StopSignal> wait_for_stop(Duration timeout, const ReloadList& reloads);

}  // namespace penstock::apps
