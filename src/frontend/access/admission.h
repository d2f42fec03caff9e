// A request's place in its tenant's quota, and what it was granted: given back at its end.
//
// Threading: one owner at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "frontend/access/tenant.h"
#include "openai/errors.h"

namespace penstock::frontend {

class [[nodiscard]] Admission final {
 public:
  Admission() = default;  // of nobody: counts nothing
  ~Admission() { end(0); }
  Admission(Admission&& other) noexcept { swap(other); }
  Admission& operator=(Admission&& other) noexcept {
    if (this != &other) {
      end(0);
      swap(other);
    }
    return *this;
  }

  // kRateLimitExceeded when the tenant has used up what it may. `clock` outlives the admission.
  [[nodiscard]] static openai::ApiResult<Admission> begin(const Tenant& tenant, const Clock& clock);
  // Once, when prompt and max_tokens are known.
  [[nodiscard]] openai::ApiStatus reserve(std::uint64_t num_tokens);
  // The answer has ended after `num_tokens`; idempotent.
  void end(std::uint64_t num_tokens);

 private:
  void swap(Admission& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(clock_, other.clock_);
    std::swap(reserved_, other.reserved_);
  }

  std::shared_ptr<TenantAccount> account_;  // shared as Tenant's; null once ended
  const Clock* clock_ = nullptr;
  std::uint64_t reserved_ = 0;
};

}  // namespace penstock::frontend
