#include "router/wait_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"

namespace penstock::router {
namespace {

constexpr double kHalfLifeS = 10;
// Less time of waiting says little about a rate.
constexpr double kLeastBackloggedS = 0.25;
// Per output: the last hundred or so count.
constexpr double kServedDecay = 0.99;
constexpr double kMostWaitS = 86'400;

double seconds(Duration duration) noexcept {
  return static_cast<double>(duration.count()) * 1e-9;
}

Duration from_seconds(double s) noexcept {
  return Duration(std::llround(std::min(s, kMostWaitS) * 1e9));
}

}  // namespace

void WaitModel::joined(std::uint32_t band, std::uint64_t prompt_tokens) {
  waiting_[band] += prompt_tokens;
}

void WaitModel::remove(std::uint32_t band, std::uint64_t prompt_tokens) {
  const auto at = waiting_.find(band);
  CHECK(at != waiting_.end() && at->second >= prompt_tokens, "router invariant 1");
  at->second -= prompt_tokens;
  if (at->second == 0) waiting_.erase(at);
}

void WaitModel::started(std::uint32_t band, std::uint64_t prompt_tokens, MonotonicTime now) {
  remove(band, prompt_tokens);
  advance(now);
  if (is_backlogged_ || was_backlogged_) left_tokens_ += static_cast<double>(prompt_tokens);
}

void WaitModel::gave_up(std::uint32_t band, std::uint64_t prompt_tokens) {
  remove(band, prompt_tokens);
}

void WaitModel::set_backlogged(bool backlogged, MonotonicTime now) {
  advance(now);
  was_backlogged_ = std::exchange(is_backlogged_, backlogged);
}

// Only time in which requests waited ages the sums: what was learned of a full worker holds until
// it is full again.
void WaitModel::advance(MonotonicTime now) {
  const double dt = last_ ? std::max(seconds(now - *last_), 0.0) : 0;
  last_ = now;
  if (!is_backlogged_) return;
  const double decay = std::exp2(-dt / kHalfLifeS);
  left_tokens_ *= decay;
  backlogged_s_ = backlogged_s_ * decay + (1 - decay) * kHalfLifeS / std::numbers::ln2;
}

void WaitModel::served(Duration decode, std::uint64_t output_tokens) {
  num_served_ = num_served_ * kServedDecay + 1;
  served_tokens_ = served_tokens_ * kServedDecay + static_cast<double>(output_tokens);
  served_s_ = served_s_ * kServedDecay + std::max(seconds(decode), 0.0);
}

std::uint64_t WaitModel::tokens_ahead(std::uint32_t band) const {
  std::uint64_t sum = 0;
  for (auto at = waiting_.lower_bound(band); at != waiting_.end(); ++at) sum += at->second;
  return sum;
}

std::optional<Duration> WaitModel::wait(std::uint32_t band, MonotonicTime now) const {
  if (!is_backlogged_ || waiting_.empty()) return Duration::zero();
  WaitModel current = *this;
  current.advance(now);
  if (current.backlogged_s_ < kLeastBackloggedS || current.left_tokens_ <= 0) return std::nullopt;
  const double rate = current.left_tokens_ / current.backlogged_s_;
  return from_seconds(static_cast<double>(tokens_ahead(band)) / rate);
}

Duration WaitModel::service(std::uint64_t max_tokens) const {
  if (served_tokens_ <= 0) return Duration::zero();
  const double usual_tokens = served_tokens_ / num_served_;
  return from_seconds(served_s_ / served_tokens_ *
                      std::min(static_cast<double>(max_tokens), usual_tokens));
}

std::uint32_t retry_after_s(std::optional<Duration> wait, double u) noexcept {
  if (!wait) return 1;
  return static_cast<std::uint32_t>(
      std::clamp(std::ceil(seconds(*wait) * (1 + 0.2 * u)), 1.0, 60.0));
}

}  // namespace penstock::router
