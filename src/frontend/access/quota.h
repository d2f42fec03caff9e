// What a tenant may use at once and per minute: the pure core of its limits.
//
//   begin()            the request is admitted: a place, and one of requests_per_minute
//   reserve(tokens)    its prompt is known: prompt + max_tokens of tokens_per_minute
//   end(used)          its answer has ended: the place is free, the reservation becomes what was
//   used
//
// What is refused costs nothing. Threading: a value; `now` never goes backwards.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "frontend/access/access_config.h"
#include "frontend/access/rate_meter.h"

namespace penstock::frontend {

enum class QuotaRule : std::uint8_t { kConcurrent, kRequests, kTokens };

struct QuotaRefusal {
  QuotaRule rule{};
  std::uint64_t limit = 0;
  Duration wait{};  // until asking again has a chance
};

class TenantQuota final {
 public:
  // Counters stay: what a reload changes holds from here on.
  void set_limits(const TenantLimits& limits, MonotonicTime now);

  [[nodiscard]] std::optional<QuotaRefusal> begin(MonotonicTime now);
  // Of a request that has begun; refused, it has still to end.
  [[nodiscard]] std::optional<QuotaRefusal> reserve(std::uint64_t num_tokens, MonotonicTime now);
  // `reserved`: what reserve() granted, 0 without it.
  void end(std::uint64_t reserved, std::uint64_t used, MonotonicTime now);

  [[nodiscard]] std::uint32_t num_running() const noexcept { return num_running_; }
  [[nodiscard]] const std::optional<RateMeter>& requests() const noexcept { return requests_; }
  [[nodiscard]] const std::optional<RateMeter>& tokens() const noexcept { return tokens_; }

 private:
  std::optional<std::uint32_t> max_concurrent_;
  std::optional<RateMeter> requests_;
  std::optional<RateMeter> tokens_;
  std::uint32_t num_running_ = 0;
};

}  // namespace penstock::frontend
