// The sequences that have no blocks, and which of them is next.
//
// Order: migrated ones; strict bands, higher first, where every `ageing` of waiting lifts a
// sequence by one band, so that the lowest is reached at last; what has run already (a preempted
// sequence is not overtaken by one that never started); the tenant that was served least; arrival
// less the priority's seconds; the id.
//
// Threading: one owner. add() O(1), best() and remove() O(size).
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "sched/sequence.h"

namespace penstock::sched {

class WaitingQueue final {
 public:
  explicit WaitingQueue(Duration ageing) : ageing_(ageing) {}

  void add(Sequence& sequence) { sequences_.push_back(&sequence); }
  void remove(const Sequence& sequence);

  // The next to start; null when all wait for the sequence they fork from, or there is none.
  [[nodiscard]] Sequence* best(MonotonicTime now) const;
  [[nodiscard]] std::uint32_t band_of(const Sequence& sequence, MonotonicTime now) const noexcept;

  [[nodiscard]] const std::vector<Sequence*>& sequences() const noexcept { return sequences_; }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(sequences_.size());
  }

 private:
  [[nodiscard]] bool goes_before(const Sequence& a, const Sequence& b,
                                 MonotonicTime now) const noexcept;

  Duration ageing_;  // zero: none
  std::vector<Sequence*> sequences_;
};

}  // namespace penstock::sched
