// Phases of independent items for a thread team: who computes an item is decided as it goes, and a
// phase ends when its items are done, not when every member has been there.
//
//   queue.reset();
//   team.run([&](int, int) {
//     queue.run(0, num_rows, 1, [&](uint32_t first, uint32_t count) { ... });
//     queue.run(1, num_panels, 4, ...);  // sees all that phase 0 wrote
//   });
//
// A member that the system has taken off its core holds the others up only while it is inside an
// item. Which member computes an item must not change the result. Threading: run() by the members
// of one team, the same phases in the same order; reset() while none is in run().
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/check.h"
#include "device/cpu/bounded_wait.h"

namespace penstock::device {

class WorkQueue final {
 public:
  WorkQueue(std::size_t max_phases, int num_members)
      : max_phases_(max_phases),
        spins_(spin_budget(num_members)),
        phases_(std::make_unique<Phase[]>(max_phases)) {}

  void reset() noexcept {
    for (std::size_t i = 0; i < max_phases_; ++i) {
      phases_[i].next.store(0, std::memory_order_relaxed);
      phases_[i].done.store(0, std::memory_order_relaxed);
    }
  }

  // Calls body(first, count) for runs of at most `grain` items until all of [0, num_items) are
  // claimed, and returns when all are done; what they wrote is then visible.
  template <class Body>
  void run(std::size_t phase, std::uint32_t num_items, std::uint32_t grain, const Body& body) {
    CHECK(phase < max_phases_, "device invariant 2: phase {} of {}", phase, max_phases_);
    Phase& p = phases_[phase];
    for (;;) {
      const std::uint32_t first = p.next.fetch_add(grain, std::memory_order_relaxed);
      if (first >= num_items) break;
      const std::uint32_t count = std::min(grain, num_items - first);
      body(first, count);
      if (p.done.fetch_add(count, std::memory_order_acq_rel) + count == num_items) {
        p.done.notify_all();
      }
    }
    bounded_wait(p.done, spins_, [num_items](std::uint32_t done) { return done == num_items; });
  }

 private:
  struct alignas(64) Phase {
    std::atomic<std::uint32_t> next{0};
    std::atomic<std::uint32_t> done{0};
  };
  std::size_t max_phases_;
  int spins_;
  std::unique_ptr<Phase[]> phases_;
};

}  // namespace penstock::device
