#include "penstock/signals.h"

#include <csignal>
#include <ctime>

namespace penstock::apps {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGQUIT);
  return set;
}

}  // namespace

void block_signals() {
  sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A client that closed its end shows up as a write error, not as the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
}

std::optional<StopSignal> wait_for_stop(Duration timeout) {
  const sigset_t set = stop_signals();
  const timespec limit{.tv_sec = timeout.count() / 1'000'000'000,
                       .tv_nsec = timeout.count() % 1'000'000'000};
  switch (sigtimedwait(&set, nullptr, &limit)) {
    case SIGINT:
      return StopSignal::kInterrupt;
    case SIGTERM:
      return StopSignal::kTerminate;
    case SIGQUIT:
      return StopSignal::kQuit;
    default:
      return std::nullopt;
  }
}

}  // namespace penstock::apps
