// The requests being answered: how many there are, and which, per loop.
//
// Bounds them (--max-inflight) and lets a drain wait for the last one. A request enters before its
// body is parsed and leaves when its answer has ended; it stays listed until the worker has let go
// of it too. Threading: try_enter, leave, count, wait_until_empty from any thread; the lists
// belong to their loops.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "net/io_pool.h"

namespace penstock::frontend {

class Generation;

class InFlight final {
 public:
  // `pool` outlives it.
  InFlight(net::IoPool& pool, std::size_t max);

  [[nodiscard]] bool try_enter();
  void leave();
  [[nodiscard]] std::size_t count() const;
  // False when requests are left after `timeout`.
  [[nodiscard]] bool wait_until_empty(Duration timeout);

  // On loop `loop_index` only.
  void list(std::size_t loop_index, std::shared_ptr<Generation> generation);
  void unlist(std::size_t loop_index, const Generation* generation);
  // Runs `visit` on each listed request, on its loop, soon.
  void post_to_all(const std::function<void(Generation&)>& visit);

 private:
  using List = std::unordered_map<const Generation*, std::shared_ptr<Generation>>;

  net::IoPool& pool_;
  const std::size_t max_;
  mutable Mutex mutex_;
  CondVar empty_;
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  std::vector<List> lists_;  // each is its loop's
};

}  // namespace penstock::frontend
