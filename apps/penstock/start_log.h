// Start-up, phase by phase, with the time each took: one line per phase on stderr.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace penstock::apps {

class StartLog final {
 public:
  explicit StartLog(const Clock& clock) : clock_(clock), begin_(clock.now()), phase_(begin_) {}

  struct Phase {
    std::string name;
    Duration took{};
  };

  // The phase that began with the last call (or at construction) is over.
  void done(std::string_view phase, const std::string& detail);
  [[nodiscard]] std::span<const Phase> phases() const noexcept { return phases_; }
  [[nodiscard]] Duration total() const { return clock_.now() - begin_; }

 private:
  const Clock& clock_;
  MonotonicTime begin_;
  MonotonicTime phase_;
  std::vector<Phase> phases_;
};

}  // namespace penstock::apps
