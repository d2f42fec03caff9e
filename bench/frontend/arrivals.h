// Requests that come when they come: an open loop, each on a connection of its own, and what became
// of each.
//
// Threading: one owner; one thread for all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace penstock::frontend {

struct ArrivalPlan {
  std::uint16_t port = 0;
  std::size_t num_requests = 1;
  double per_second = 0;  // 0 = all at once
  Duration timeout{};     // each request's x-penstock-timeout-ms
  // The n-th body, POSTed to /v1/chat/completions; not streamed.
  std::function<std::string(std::size_t n)> body;
};

struct ArrivalReport {
  std::size_t num_good = 0;     // 200, complete, in time
  std::size_t num_cut = 0;      // 200 that the deadline cut, or that came behind it
  std::size_t num_refused = 0;  // 429 with Retry-After
  std::size_t num_expired = 0;  // 504
  std::size_t num_other = 0;    // anything else, a 429 without Retry-After too
  std::size_t num_late = 0;     // of all: answered more than a second after the deadline
  std::vector<double> good_ms;  // from the connect on
  std::vector<double> refused_ms;
  std::vector<double> retry_after_s;
  std::string first_refused;  // its answer
  std::string first_other;
  double wall_s = 0;
};

[[nodiscard]] ArrivalReport run_arrivals(const ArrivalPlan& plan);

}  // namespace penstock::frontend
