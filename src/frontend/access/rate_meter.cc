#include "frontend/access/rate_meter.h"

#include <algorithm>
#include <cmath>

namespace penstock::frontend {
namespace {

constexpr double kNsPerMinute = 60e9;
constexpr double kRounding = 1e-6;     // units
constexpr double kLongestWait = 9e18;  // ns: what a Duration holds

}  // namespace

double RateMeter::level_at(MonotonicTime now) const noexcept {
  const auto elapsed = static_cast<double>((now - at_).count());
  return std::max(0.0, level_ - std::max(0.0, elapsed) * capacity_ / kNsPerMinute);
}

void RateMeter::set_limit(std::uint64_t per_minute, MonotonicTime now) noexcept {
  level_ = level_at(now);
  at_ = now;
  capacity_ = asked(per_minute);
}

Duration RateMeter::wait_for(std::uint64_t amount, MonotonicTime now) const noexcept {
  const double needed = std::min(asked(amount), capacity_);
  const double excess = level_at(now) + needed - capacity_;
  if (excess <= kRounding) return Duration::zero();
  const double ns = std::ceil(excess * kNsPerMinute / capacity_);
  return Duration(static_cast<std::int64_t>(std::min(ns, kLongestWait)));
}

void RateMeter::take(std::uint64_t amount, MonotonicTime now) noexcept {
  level_ = level_at(now) + asked(amount);
  at_ = now;
}

void RateMeter::give_back(std::uint64_t amount, MonotonicTime now) noexcept {
  level_ = std::max(0.0, level_at(now) - asked(amount));
  at_ = now;
}

double RateMeter::available(MonotonicTime now) const noexcept {
  return std::max(0.0, capacity_ - level_at(now));
}

}  // namespace penstock::frontend
