// A tenant while the frontend runs: what it may do, and what it uses.
//
// A Tenant is the policy of one reading of the keys file, immutable; a request keeps the one it was
// admitted under. Its account, the counters, outlives the readings. Threading: any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "discovery/model_card.h"
#include "frontend/access/access_config.h"
#include "frontend/access/quota.h"
#include "frontend/access/usage_meter.h"

namespace penstock::frontend {

class TenantAccount final {
 public:
  void set_limits(const TenantLimits& limits, MonotonicTime now) {
    const MutexLock lock(mutex_);
    quota_.set_limits(limits, now);
  }
  // As TenantQuota's.
  [[nodiscard]] std::optional<QuotaRefusal> begin(MonotonicTime now) {
    const MutexLock lock(mutex_);
    return quota_.begin(now);
  }
  [[nodiscard]] std::optional<QuotaRefusal> reserve(std::uint64_t num_tokens, MonotonicTime now) {
    const MutexLock lock(mutex_);
    return quota_.reserve(num_tokens, now);
  }
  void end(std::uint64_t reserved, std::uint64_t used, MonotonicTime now) {
    const MutexLock lock(mutex_);
    quota_.end(reserved, used, now);
  }
  [[nodiscard]] TenantQuota quota() const {
    const MutexLock lock(mutex_);
    return quota_;
  }

  UsageMeter usage;

 private:
  mutable Mutex mutex_;
  TenantQuota quota_ GUARDED_BY(mutex_);
};

class Tenant final {
 public:
  // `account` is shared with the readings before and after, and with requests in flight.
  Tenant(TenantPolicy policy, std::string_view salt_key, std::shared_ptr<TenantAccount> account);

  [[nodiscard]] const TenantPolicy& policy() const noexcept { return policy_; }
  [[nodiscard]] TenantAccount& account() const noexcept { return *account_; }
  [[nodiscard]] const std::shared_ptr<TenantAccount>& shared_account() const noexcept {
    return account_;
  }

  // One of the model's names is in one of the globs.
  [[nodiscard]] bool may_use(const discovery::ModelCard& card) const noexcept;
  // Of the prefix cache, for a request with this `cache_salt`, which may be empty.
  [[nodiscard]] std::string salt(std::string_view requested) const;

 private:
  const TenantPolicy policy_;
  const std::string salt_;
  const std::shared_ptr<TenantAccount> account_;
};

}  // namespace penstock::frontend
