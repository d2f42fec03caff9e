// The io threads: each runs one event loop; a connection lives on one loop for its whole life.
//
// Threading: construct, stop and destroy from one owner; post() and last_tick() from anywhere.
// Whatever lives on the loops (servers, connections) is closed before stop().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/clock.h"

namespace penstock::net {

// Told about once a second on each loop how much too late the loop came to run a due timer: what
// `event_loop_delay_seconds` shows.
using LoopDelayObserver = std::function<void(std::size_t loop_index, Duration delay)>;

class IoPool final {
 public:
  explicit IoPool(std::size_t num_threads, LoopDelayObserver observer = {});
  ~IoPool();  // stop() has returned, or was never needed
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  [[nodiscard]] std::size_t num_loops() const noexcept;
  // Runs `task` on loop `index`, in the order of posting; after stop() it is dropped unrun. A task
  // never blocks and never throws.
  void post(std::size_t index, std::move_only_function<void()> task);
  // When loop `index` was last seen running, at most about a second ago while it is healthy. On
  // the clock of SystemClock::now().
  [[nodiscard]] MonotonicTime last_tick(std::size_t index) const noexcept;
  // Ends all loops after what is already posted has run, at most `timeout`; joins the threads.
  // What is then still queued is dropped. Idempotent. A task that never returns blocks the join.
  void stop(Duration timeout);

  // Asio's io_context of a loop, for this room's sources only (net/loop.h).
  struct Loop;
  [[nodiscard]] Loop& loop(std::size_t index) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::net
