// Histogram bounds that replace the built-in ones: --metrics-buckets NAME=MIN,MAX,COUNT.
// Threading: a value.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace penstock::frontend {

// Upper bounds by the histogram's name without its prefix.
using MetricsBuckets = std::map<std::string, std::vector<double>, std::less<>>;

// What the metrics of a frontend are called and how finely they count.
struct MetricsNaming {
  std::string prefix = "penstock_frontend";
  MetricsBuckets buckets{};
};

// kInvalid for a form that is not NAME=MIN,MAX,COUNT, a name that no histogram has or that comes
// twice, and numbers that make no bounds (metrics/bounds.h); each names what was given.
[[nodiscard]] Result<MetricsBuckets> parse_metrics_buckets(std::span<const std::string> settings);

}  // namespace penstock::frontend
