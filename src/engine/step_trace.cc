#include "engine/step_trace.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace penstock::engine {
namespace {

// Text that is gathered before it is written.
constexpr std::size_t kWriteBytes = 256U << 10;

}  // namespace

Result<std::unique_ptr<StepTrace>> StepTrace::open(StepTraceOptions options, const Clock& clock,
                                                   Ledger& ledger) {
  const int file = ::open(options.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) {
    return make_error(ErrorCode::kInvalid, "--trace {}: the file cannot be written: {}",
                      options.path, std::strerror(errno));
  }
  return std::unique_ptr<StepTrace>(new StepTrace(std::move(options), file, clock, ledger));
}

StepTrace::StepTrace(StepTraceOptions options, int file, const Clock& clock, Ledger& ledger)
    : options_(std::move(options)),
      clock_(clock),
      origin_(clock.now()),
      ring_(options_.max_events),
      file_(file),
      entry_(ledger.hold(LedgerKind::kFile, format("trace {}", options_.path))),
      thread_("trace", [this] { run(); }) {}

StepTrace::~StepTrace() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
  if (file_ >= 0) ::close(file_);
}

void StepTrace::add(const TraceEvent& event) noexcept {
  if (!ring_.try_push(event)) num_dropped_.fetch_add(1, std::memory_order_relaxed);
}

void StepTrace::run() {
  write_out(trace_head());
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, options_.flush_interval, [this] { return is_stopping_; })) {
    lock.unlock();
    write_events();
    lock.lock();
  }
  lock.unlock();
  write_events();
  write_out(trace_tail(clock_.now(), origin_, num_dropped()));
}

// Whole events only, so that a crash between two writes leaves nothing cut.
void StepTrace::write_events() {
  while (const auto event = ring_.try_pop()) {
    append_trace_event(text_, *event, origin_);
    if (text_.size() >= kWriteBytes) flush();
  }
  flush();
}

void StepTrace::flush() {
  write_out(text_);
  text_.clear();
}

void StepTrace::write_out(const std::string& text) {
  for (std::size_t done = 0; done < text.size() && file_ >= 0;) {
    const ssize_t written = ::write(file_, text.data() + done, text.size() - done);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      log_error("--trace {}: writing failed ({}); the trace ends here", options_.path,
                std::strerror(errno));
      ::close(std::exchange(file_, -1));
    }
  }
}

}  // namespace penstock::engine
