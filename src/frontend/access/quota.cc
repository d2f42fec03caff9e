#include "frontend/access/quota.h"

#include "base/check.h"

namespace penstock::frontend {
namespace {

// When a running request will end is not known.
constexpr Duration kWaitForAPlace = std::chrono::seconds(1);

void set_limit(std::optional<RateMeter>& meter, std::optional<std::uint64_t> per_minute,
               MonotonicTime now) {
  if (!per_minute) {
    meter.reset();
  } else if (meter) {
    meter->set_limit(*per_minute, now);
  } else {
    meter.emplace(*per_minute);
  }
}

}  // namespace

void TenantQuota::set_limits(const TenantLimits& limits, MonotonicTime now) {
  max_concurrent_ = limits.max_concurrent;
  set_limit(requests_, limits.requests_per_minute, now);
  set_limit(tokens_, limits.tokens_per_minute, now);
}

std::optional<QuotaRefusal> TenantQuota::begin(MonotonicTime now) {
  if (max_concurrent_ && num_running_ >= *max_concurrent_) {
    return QuotaRefusal{QuotaRule::kConcurrent, *max_concurrent_, kWaitForAPlace};
  }
  if (requests_) {
    const Duration wait = requests_->wait_for(1, now);
    if (wait > Duration::zero()) {
      return QuotaRefusal{QuotaRule::kRequests, requests_->per_minute(), wait};
    }
  }
  // Every request needs a token: with none left, its body need not be read.
  if (tokens_) {
    const Duration wait = tokens_->wait_for(1, now);
    if (wait > Duration::zero()) {
      return QuotaRefusal{QuotaRule::kTokens, tokens_->per_minute(), wait};
    }
  }
  if (requests_) requests_->take(1, now);
  ++num_running_;
  return std::nullopt;
}

std::optional<QuotaRefusal> TenantQuota::reserve(std::uint64_t num_tokens, MonotonicTime now) {
  if (!tokens_) return std::nullopt;
  const Duration wait = tokens_->wait_for(num_tokens, now);
  if (wait > Duration::zero()) {
    if (requests_) requests_->give_back(1, now);
    return QuotaRefusal{QuotaRule::kTokens, tokens_->per_minute(), wait};
  }
  tokens_->take(num_tokens, now);
  return std::nullopt;
}

void TenantQuota::end(std::uint64_t reserved, std::uint64_t used, MonotonicTime now) {
  CHECK(num_running_ > 0, "a request of this tenant ends that had not begun");
  --num_running_;
  if (!tokens_) return;
  if (used < reserved) {
    tokens_->give_back(reserved - used, now);
  } else {
    tokens_->take(used - reserved, now);
  }
}

}  // namespace penstock::frontend
