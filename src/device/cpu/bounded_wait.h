// Waiting for another compute thread: spin for a bounded time, then sleep in the kernel.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::device {

// Pauses before sleeping for a team of this size: about 20-50 us, longer than the skew between the
// members of a balanced phase, shorter than what anyone notices of a core. None where the process
// has fewer cores than the team has members.
[[nodiscard]] int spin_budget(int num_members) noexcept;

inline void pause_cpu() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Returns once is_done(value). Whoever makes it so calls notify_all() on `value`.
template <class IsDone>
void bounded_wait(const std::atomic<std::uint32_t>& value, int spins, const IsDone& is_done) {
  for (int i = 0; i < spins; ++i) {
    if (is_done(value.load(std::memory_order_acquire))) return;
    pause_cpu();
  }
  for (;;) {
    const std::uint32_t seen = value.load(std::memory_order_acquire);
    if (is_done(seen)) return;
    value.wait(seen, std::memory_order_acquire);
  }
}

}  // namespace penstock::device
