// One crowd of a storm (bench/net/storm.h): many connections kept in one hostile state.
//
// Threading: a process of its own; run() returns when `stop_fd` reaches its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "bench/net/storm.h"

namespace penstock::net {

enum class CrowdKind : unsigned char { kDrippers, kNeverReaders, kIdle };

struct CrowdPlan {
  CrowdKind kind = CrowdKind::kIdle;
  std::size_t size = 0;
  std::uint16_t port = 0;
  Duration drip_interval = std::chrono::seconds(1);
};

// Opens the crowd, calls `on_ready` once, keeps it until `stop_fd` ends.
[[nodiscard]] CrowdReport run_crowd(const CrowdPlan& plan, int stop_fd,
                                    const std::function<void()>& on_ready);

}  // namespace penstock::net
