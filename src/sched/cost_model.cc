#include "sched/cost_model.h"

#include <algorithm>
#include <cmath>

namespace penstock::sched {
namespace {

// Half of the weight is gone after about 35 steps.
constexpr double kDecay = 0.98;
constexpr double kMaxTokens = 1 << 20;

}  // namespace

void CostModel::observe(std::uint32_t num_tokens, Duration elapsed) noexcept {
  const double x = num_tokens;
  const auto y = static_cast<double>(elapsed.count());
  weight_ = weight_ * kDecay + 1;
  sum_x_ = sum_x_ * kDecay + x;
  sum_y_ = sum_y_ * kDecay + y;
  sum_xx_ = sum_xx_ * kDecay + x * x;
  sum_xy_ = sum_xy_ * kDecay + x * y;
}

CostModel::Line CostModel::line() const noexcept {
  const double mean_x = sum_x_ / weight_;
  const double mean_y = sum_y_ / weight_;
  const double variance = sum_xx_ / weight_ - mean_x * mean_x;
  // Steps of one size say nothing about the slope: then all of the time counts per token, which
  // errs towards small chunks.
  const double proportional = mean_y / std::max(mean_x, 1.0);
  if (variance < 0.25) return {0, proportional};
  const double slope = (sum_xy_ / weight_ - mean_x * mean_y) / variance;
  const double per_token = std::clamp(slope, proportional * 0.01, proportional);
  return {std::max(mean_y - per_token * mean_x, 0.0), per_token};
}

Duration CostModel::predict(std::uint32_t num_tokens) const noexcept {
  if (!has_observations() || num_tokens == 0) return Duration::zero();
  const Line fit = line();
  return Duration(std::llround(fit.fixed_ns + fit.per_token_ns * num_tokens));
}

std::uint32_t CostModel::tokens_within(Duration target) const noexcept {
  if (!has_observations()) return 1;
  const Line fit = line();
  const double tokens =
      (static_cast<double>(target.count()) - fit.fixed_ns) / std::max(fit.per_token_ns, 1.0);
  return static_cast<std::uint32_t>(std::clamp(tokens, 1.0, kMaxTokens));
}

}  // namespace penstock::sched
