#include "penstock/start_log.h"

#include "base/log.h"

namespace penstock::apps {

void StartLog::done(std::string_view phase, const std::string& detail) {
  const MonotonicTime now = clock_.now();
  phases_.push_back({std::string(phase), now - phase_});
  log_info("start: {:<10} {:7.1f} ms  {}", phase, to_ms(now - phase_), detail);
  phase_ = now;
}

}  // namespace penstock::apps
