// Divides the items of each phase of a forward pass among the members of a thread team.
//
// Members claim runs of items until none is left, so a member that is held up (a shared core) does
// less. Which member computes an item never changes its result. Threading: run() by all members;
// reset() while none is in run().
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/check.h"

namespace penstock::model {

class WorkQueue final {
 public:
  explicit WorkQueue(std::size_t max_phases)
      : max_phases_(max_phases), phases_(std::make_unique<Phase[]>(max_phases)) {}

  void reset() noexcept {
    for (std::size_t i = 0; i < max_phases_; ++i) {
      phases_[i].next.store(0, std::memory_order_relaxed);
    }
  }

  // body(first, count) for disjoint runs of at most `grain` items that together are
  // [0, num_items).
  template <class Body>
  void run(std::size_t phase, std::uint32_t num_items, std::uint32_t grain, const Body& body) {
    CHECK(phase < max_phases_, "phase {} of {}", phase, max_phases_);
    for (;;) {
      const std::uint32_t first = phases_[phase].next.fetch_add(grain, std::memory_order_relaxed);
      if (first >= num_items) return;
      body(first, std::min(grain, num_items - first));
    }
  }

 private:
  struct alignas(64) Phase {
    std::atomic<std::uint32_t> next{0};
  };
  std::size_t max_phases_;
  std::unique_ptr<Phase[]> phases_;
};

}  // namespace penstock::model
