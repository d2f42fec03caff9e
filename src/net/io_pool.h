// The io threads: each runs one event loop; a connection lives on one loop for its whole life.
//
// Threading: construct and stop from one owner; post() from anywhere.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/clock.h"

namespace penstock::net {

class IoPool final {
 public:
  explicit IoPool(std::size_t num_threads);
  ~IoPool();  // stop() has returned, or was never needed
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  [[nodiscard]] std::size_t num_loops() const noexcept;
  // Runs `task` on loop `index`.
  void post(std::size_t index, std::move_only_function<void()> task);
  // Ends all loops after what is already posted has run, at most `timeout`; joins the threads.
  void stop(Duration timeout);

  // Asio's io_context of a loop, for this room's sources only (net/loop.h).
  struct Loop;
  [[nodiscard]] Loop& loop(std::size_t index) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::net
