#include "frontend/access/admission.h"

#include <algorithm>
#include <chrono>

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::ApiStatus;

std::uint32_t whole_seconds(Duration wait) {
  const std::int64_t seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 1, UINT32_MAX));
}

std::unexpected<openai::ApiError> refused(const QuotaRefusal& refusal) {
  const std::uint32_t seconds = whole_seconds(refusal.wait);
  const auto error = [&](std::string_view rule, std::string_view limited) {
    auto made = openai::make_api_error(ApiErrorCode::kRateLimitExceeded, rule,
                                       "the limit of {} {} is reached ({}); try again in {} s",
                                       refusal.limit, limited, rule, seconds);
    made.error().retry_after_s = seconds;
    return made;
  };
  switch (refusal.rule) {
    case QuotaRule::kConcurrent:
      return error("max_concurrent", "requests at once");
    case QuotaRule::kRequests:
      return error("requests_per_minute", "requests per minute");
    case QuotaRule::kTokens:
      break;
  }
  return error("tokens_per_minute", "tokens per minute");
}

}  // namespace

ApiResult<Admission> Admission::begin(const Tenant& tenant, const Clock& clock) {
  if (const auto refusal = tenant.account().begin(clock.now())) return refused(*refusal);
  Admission admission;
  admission.account_ = tenant.shared_account();
  admission.clock_ = &clock;
  return admission;
}

ApiStatus Admission::reserve(std::uint64_t num_tokens) {
  if (!account_) return {};
  if (const auto refusal = account_->reserve(num_tokens, clock_->now())) return refused(*refusal);
  reserved_ = num_tokens;
  return {};
}

void Admission::end(std::uint64_t num_tokens) {
  const auto account = std::exchange(account_, nullptr);
  if (account) account->end(std::exchange(reserved_, 0), num_tokens, clock_->now());
}

}  // namespace penstock::frontend
