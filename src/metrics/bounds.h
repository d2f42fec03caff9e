// Histogram bounds from three numbers.
#pragma once

#include <vector>

#include "base/result.h"

namespace penstock::metrics {

struct LogBounds {
  double min = 0;  // > 0
  double max = 0;  // > min
  int count = 0;   // 2 ... kMaxBounds
};
inline constexpr int kMaxBounds = 200;

// 0, then `count` log-spaced values from min to max, both included, rounded to two significant
// digits. Values that round to the same number appear once. kInvalid when a limit above is broken:
// the three numbers may come from --metrics-buckets.
[[nodiscard]] Result<std::vector<double>> log_bounds(LogBounds spec);

}  // namespace penstock::metrics
