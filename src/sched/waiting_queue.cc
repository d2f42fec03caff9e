#include "sched/waiting_queue.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/check.h"

namespace penstock::sched {

void WaitingQueue::remove(const Sequence& sequence) {
  const auto at = std::ranges::find(sequences_, &sequence);
  CHECK(at != sequences_.end(), "sequence {} does not wait", sequence.id.value());
  *at = sequences_.back();
  sequences_.pop_back();
}

std::uint32_t WaitingQueue::band_of(const Sequence& sequence, MonotonicTime now) const noexcept {
  if (ageing_ <= Duration::zero() || now < sequence.arrival) return sequence.strict_priority;
  const auto lifts = static_cast<std::uint64_t>((now - sequence.arrival) / ageing_);
  const std::uint64_t room = std::numeric_limits<std::uint32_t>::max() - sequence.strict_priority;
  return sequence.strict_priority + static_cast<std::uint32_t>(std::min(lifts, room));
}

bool WaitingQueue::goes_before(const Sequence& a, const Sequence& b,
                               MonotonicTime now) const noexcept {
  const auto key = [&](const Sequence& s) {
    return std::tuple(!s.is_migrated, ~band_of(s, now), s.num_preemptions == 0, s.tenant->served,
                      s.rank, s.id);
  };
  return key(a) < key(b);
}

Sequence* WaitingQueue::best(MonotonicTime now) const {
  Sequence* best = nullptr;
  for (Sequence* sequence : sequences_) {
    if (sequence->fork_of) continue;
    if (best == nullptr || goes_before(*sequence, *best, now)) best = sequence;
  }
  return best;
}

}  // namespace penstock::sched
