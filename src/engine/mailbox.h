// What other threads tell the engine thread: submits, cancels, pings and clears, in order.
//
// Submits are bounded: beyond the bound they are refused. All else always gets in; there is at most
// one of each per live request and stream, and an operator's few clears. Threading: post from any
// thread, take from the engine thread only.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "engine/request.h"

namespace penstock::engine {

struct CancelCommand {
  RequestHandle handle;
  std::optional<std::uint32_t> choice;  // unset = all
  MonotonicTime asked_at;
};
struct PingCommand {
  std::uint64_t n = 0;
};
struct ClearCommand {
  std::uint64_t n = 0;
};
using Command = std::variant<EngineRequest, CancelCommand, PingCommand, ClearCommand>;

class Mailbox final {
 public:
  explicit Mailbox(std::size_t max_submits) : max_submits_(max_submits) {}

  // False when the bound is reached or the mailbox is closed; the request is then untouched.
  [[nodiscard]] bool post_submit(EngineRequest&& request);
  void post(CancelCommand command);
  void post(PingCommand command);
  void post(ClearCommand command);
  // Nothing is accepted from now on; a waiting engine thread wakes up.
  void close();

  // All that has come, in order. Waits up to `timeout` for the first.
  [[nodiscard]] std::vector<Command> take(Duration timeout);
  [[nodiscard]] bool is_closed() const;
  [[nodiscard]] bool has_submits() const;

 private:
  void post_any(Command command);

  const std::size_t max_submits_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Command> commands_;  // guarded by mutex_
  std::size_t num_submits_ = 0;    // guarded by mutex_
  bool closed_ = false;            // guarded by mutex_
};

}  // namespace penstock::engine
