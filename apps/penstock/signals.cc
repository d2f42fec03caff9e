#include "penstock/signals.h"

#include <algorithm>
#include <csignal>
#include <ctime>

namespace penstock::apps {
namespace {

sigset_t our_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGQUIT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_signals() {
  sigset_t set = our_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A client that closed its end shows up as a write error, not as the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
}

std::optional<StopSignal> wait_for_stop(Duration timeout, const std::function<void()>& on_hangup) {
  const SystemClock clock;
  const MonotonicTime deadline = clock.now() + timeout;
  for (;;) {
    const sigset_t set = our_signals();
    const Duration left = std::max(deadline - clock.now(), Duration::zero());
    const timespec limit{.tv_sec = left.count() / 1'000'000'000,
                         .tv_nsec = left.count() % 1'000'000'000};
    switch (sigtimedwait(&set, nullptr, &limit)) {
      case SIGINT:
        return StopSignal::kInterrupt;
      case SIGTERM:
        return StopSignal::kTerminate;
      case SIGQUIT:
        return StopSignal::kQuit;
      case SIGHUP:
        if (on_hangup) on_hangup();
        break;
      default:
        return std::nullopt;
    }
  }
}

}  // namespace penstock::apps
