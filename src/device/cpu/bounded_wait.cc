#include "device/cpu/bounded_wait.h"

#include <sched.h>

namespace penstock::device {

int spin_budget(int num_members) noexcept {
  constexpr int kSpins = 4000;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 0;
  return num_members <= CPU_COUNT(&cores) ? kSpins : 0;
}

}  // namespace penstock::device
