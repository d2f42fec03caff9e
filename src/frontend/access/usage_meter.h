// What was used, summed up: one meter per API key and one per tenant, shown by /tenants.
//
// Threading: any thread; one lock, taken once per request.
#pragma once

#include <cstdint>

#include "base/mutex.h"

namespace penstock::frontend {

// Tokens of one request, or of many.
struct TokenUsage {
  std::uint64_t prompt = 0;
  std::uint64_t cached = 0;  // of the prompt's, not computed
  std::uint64_t completion = 0;
  std::uint64_t reasoning = 0;  // of the completion's
  std::uint64_t wasted = 0;     // generated, but the request ended without its answer
};

struct UsageTotals {
  std::uint64_t requests = 0;
  TokenUsage tokens;
};

class UsageMeter final {
 public:
  void add_request(const TokenUsage& tokens) {
    const MutexLock lock(mutex_);
    ++totals_.requests;
    totals_.tokens.prompt += tokens.prompt;
    totals_.tokens.cached += tokens.cached;
    totals_.tokens.completion += tokens.completion;
    totals_.tokens.reasoning += tokens.reasoning;
    totals_.tokens.wasted += tokens.wasted;
  }
  [[nodiscard]] UsageTotals totals() const {
    const MutexLock lock(mutex_);
    return totals_;
  }

 private:
  mutable Mutex mutex_;
  UsageTotals totals_ GUARDED_BY(mutex_);
};

}  // namespace penstock::frontend
