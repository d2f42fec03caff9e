#include "metrics/bounds.h"

#include <cmath>
#include <cstdlib>

namespace penstock::metrics {
namespace {

// Rounds through decimal text, so that 0.1 is the double that "0.1" reads as and shows as such.
double round_to_two_digits(double value) {
  return std::strtod(format("{:.1e}", value).c_str(), nullptr);
}

}  // namespace

Result<std::vector<double>> log_bounds(LogBounds spec) {
  if (!std::isfinite(spec.min) || !std::isfinite(spec.max) || !(spec.min > 0) ||
      !(spec.max > spec.min)) {
    return make_error(ErrorCode::kInvalid,
                      "histogram bounds from {} to {} are not ascending and above 0", spec.min,
                      spec.max);
  }
  if (spec.count < 2 || spec.count > kMaxBounds) {
    return make_error(ErrorCode::kInvalid, "{} histogram bounds were asked for; use 2 to {}",
                      spec.count, kMaxBounds);
  }
  std::vector<double> bounds = {0};
  const double ratio = std::log(spec.max / spec.min);
  for (int i = 0; i < spec.count; ++i) {
    const double exact = spec.min * std::exp(ratio * i / (spec.count - 1));
    const double rounded = round_to_two_digits(exact);
    if (rounded > bounds.back()) bounds.push_back(rounded);
  }
  return bounds;
}

}  // namespace penstock::metrics
