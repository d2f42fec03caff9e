#include "router/wait_model.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace penstock::router {
namespace {

// Per sequence served: the last hundred or so count.
constexpr double kServedDecay = 0.99;
constexpr double kMostWaitS = 86'400;

double seconds(Duration duration) noexcept {
  return static_cast<double>(duration.count()) * 1e-9;
}

Duration from_seconds(double s) noexcept {
  return Duration(std::llround(std::min(s, kMostWaitS) * 1e9));
}

}  // namespace

void WaitModel::joined(std::uint32_t band, std::uint32_t num_sequences) {
  waiting_[band] += num_sequences;
}

void WaitModel::left(std::uint32_t band, std::uint32_t num_sequences) {
  const auto at = waiting_.find(band);
  CHECK(at != waiting_.end() && at->second >= num_sequences, "router invariant 1");
  at->second -= num_sequences;
  if (at->second == 0) waiting_.erase(at);
}

void WaitModel::set_load(std::uint32_t running, std::uint32_t waiting) noexcept {
  running_ = running;
  is_backlogged_ = waiting > 0;
}

void WaitModel::served(Duration residence, std::uint64_t output_tokens) noexcept {
  num_served_ = num_served_ * kServedDecay + 1;
  served_tokens_ = served_tokens_ * kServedDecay + static_cast<double>(output_tokens);
  served_s_ = served_s_ * kServedDecay + std::max(seconds(residence), 0.0);
}

std::uint64_t WaitModel::num_ahead(std::uint32_t band) const {
  std::uint64_t sum = 0;
  for (auto at = waiting_.lower_bound(band); at != waiting_.end(); ++at) sum += at->second;
  return sum;
}

std::optional<Duration> WaitModel::wait(std::uint32_t band) const {
  if (!is_backlogged_) return Duration::zero();
  if (num_served_ == 0) return std::nullopt;
  const double residence_s = served_s_ / num_served_;
  return from_seconds(static_cast<double>(num_ahead(band)) * residence_s / std::max(running_, 1U));
}

Duration WaitModel::service(std::uint64_t max_tokens) const noexcept {
  if (num_served_ == 0) return Duration::zero();
  const double usual_tokens = std::max(served_tokens_ / num_served_, 1.0);
  return from_seconds(served_s_ / num_served_ *
                      std::min(static_cast<double>(max_tokens) / usual_tokens, 1.0));
}

std::uint32_t retry_after_s(std::optional<Duration> wait, double u) noexcept {
  if (!wait) return 1;
  return static_cast<std::uint32_t>(
      std::clamp(std::ceil(seconds(*wait) * (1 + 0.2 * u)), 1.0, 60.0));
}

}  // namespace penstock::router
