#include "penstock/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "base/log.h"

namespace penstock::apps {
namespace {

sigset_t taken_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGQUIT);
  sigaddset(&set, SIGHUP);
  return set;
}

bool has_terminal() {
  const int fd = ::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

// Written once, by block_signals().
bool follows_terminal = false;

}  // namespace

void ReloadList::run() const {
  if (entries_.empty()) log_info("SIGHUP: there is no file to read again");
  for (const auto& [what, reload] : entries_) {
    if (const Status done = reload()) {
      log_info("SIGHUP: {} was read again", what);
    } else {
      log_error("SIGHUP: {} is unchanged, because the new one is not good: {}", what,
                done.error().message());
    }
  }
}

void block_signals() {
  const sigset_t set = taken_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction hang_up{};
  sigaction(SIGHUP, nullptr, &hang_up);
  follows_terminal = hang_up.sa_handler == SIG_DFL && has_terminal();
  // A client that closed its end shows up as a write error, not as the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
}

std::optional<StopSignal> wait_for_stop(Duration timeout, const ReloadList& reloads) {
  const sigset_t set = taken_signals();
  const SystemClock clock;
  const MonotonicTime end = clock.now() + timeout;
  while (true) {
    const Duration left = std::max(end - clock.now(), Duration::zero());
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
        if (follows_terminal && !has_terminal()) return StopSignal::kInterrupt;
        reloads.run();
        break;
      default:
        if (clock.now() >= end) return std::nullopt;
    }
  }
}

}  // namespace penstock::apps
