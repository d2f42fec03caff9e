// A client of many streams on one thread: a closed loop of requests, each read to its end.
//
// It looks at frames just enough to count them and to see the end. Threading: one owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace penstock::frontend {

struct LoadPlan {
  std::uint16_t port = 0;
  std::size_t num_streams = 1;   // at once
  std::size_t num_requests = 1;  // in all
  // The n-th request's body; all are POSTed to /v1/chat/completions with "stream": true.
  std::function<std::string(std::size_t n)> body;
};

struct LoadReport {
  std::size_t num_answered = 0;  // with [DONE]
  std::size_t num_failed = 0;
  std::uint64_t num_frames = 0;  // "data:" lines
  std::uint64_t num_reads = 0;   // that brought something
  std::vector<double> first_byte_us;
  std::vector<double> gap_us;  // between reads of one stream
  double wall_s = 0;
};

// Aborts when nothing comes for a minute.
[[nodiscard]] LoadReport run_load(const LoadPlan& plan);

// The value below which `share` of `values` lie; 0 of none.
[[nodiscard]] double quantile(std::vector<double> values, double share);

}  // namespace penstock::frontend
