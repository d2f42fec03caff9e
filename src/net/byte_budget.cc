#include "net/byte_budget.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>

namespace penstock::net {
namespace {

constexpr std::size_t kMostBodyBytes = 1UL << 30;

std::size_t memory_bytes() noexcept {
  const auto machine = static_cast<std::size_t>(std::max(::sysconf(_SC_PHYS_PAGES), 1L)) *
                       static_cast<std::size_t>(std::max(::sysconf(_SC_PAGESIZE), 1L));
  // A container's own limit; the file says "max" where there is none.
  std::uint64_t limit = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit && limit > 0) {
    return std::min<std::size_t>(machine, limit);
  }
  return machine;
}

}  // namespace

bool ByteBudget::Lease::grow_to(std::size_t num_bytes) noexcept {
  if (num_bytes <= num_bytes_) return true;
  if (!budget_) return false;
  const std::size_t more = num_bytes - num_bytes_;
  std::atomic<std::size_t>& held = budget_->held_bytes_;
  if (held.fetch_add(more, std::memory_order_relaxed) + more > budget_->limit_bytes_) {
    held.fetch_sub(more, std::memory_order_relaxed);
    return false;
  }
  num_bytes_ = num_bytes;
  return true;
}

void ByteBudget::Lease::release() noexcept {
  if (num_bytes_ > 0) budget_->held_bytes_.fetch_sub(num_bytes_, std::memory_order_relaxed);
  num_bytes_ = 0;
  budget_.reset();
}

std::size_t default_body_budget_bytes() noexcept {
  return std::min(kMostBodyBytes, memory_bytes() / 4);
}

}  // namespace penstock::net
