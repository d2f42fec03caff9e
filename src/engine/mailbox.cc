#include "engine/mailbox.h"

#include <utility>

namespace penstock::engine {

bool Mailbox::post_submit(EngineRequest&& request) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || num_submits_ >= max_submits_) return false;
    ++num_submits_;
    commands_.emplace_back(std::move(request));
  }
  ready_.notify_one();
  return true;
}

void Mailbox::post(CancelCommand command) {
  post_any(command);
}
void Mailbox::post(PingCommand command) {
  post_any(command);
}

void Mailbox::post(ClearCommand command) {
  post_any(command);
}

void Mailbox::post_any(Command command) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    commands_.push_back(std::move(command));
  }
  ready_.notify_one();
}

void Mailbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  ready_.notify_one();
}

std::vector<Command> Mailbox::take(Duration timeout) {
  std::unique_lock lock(mutex_);
  if (timeout > Duration::zero()) {
    ready_.wait_for(lock, timeout, [this] { return closed_ || !commands_.empty(); });
  }
  num_submits_ = 0;
  return std::exchange(commands_, {});
}

bool Mailbox::has_submits() const {
  const std::lock_guard lock(mutex_);
  return num_submits_ > 0;
}

bool Mailbox::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace penstock::engine
