// A rate limit as a leaky bucket: what is taken fills it, time drains it at the limit's pace.
//
// The bucket holds one minute's worth: after a quiet minute all of it may be taken at once, and in
// the long run never more than the limit per minute. An amount larger than the whole bucket is
// taken when the bucket is empty, and its excess drains before anything else fits: a big request is
// slow, not impossible. What was taken too much is given back (give_back), what was taken too
// little is taken afterwards without asking (take).
//
// Source: the generic cell rate algorithm as a leaky bucket counter, ITU-T I.371 annex A, with
// amounts in place of cells. Levels are doubles: an error of 1e-6 units is below what a wait in
// whole seconds could show.
// Threading: a value; `now` never goes backwards.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace penstock::frontend {

class RateMeter final {
 public:
  explicit RateMeter(std::uint64_t per_minute) noexcept : capacity_(asked(per_minute)) {}

  // What is in the bucket stays.
  void set_limit(std::uint64_t per_minute, MonotonicTime now) noexcept;

  // How long until `amount` fits; zero when it does now.
  [[nodiscard]] Duration wait_for(std::uint64_t amount, MonotonicTime now) const noexcept;
  void take(std::uint64_t amount, MonotonicTime now) noexcept;
  void give_back(std::uint64_t amount, MonotonicTime now) noexcept;

  // What could be taken now without waiting; never negative.
  [[nodiscard]] double available(MonotonicTime now) const noexcept;
  [[nodiscard]] std::uint64_t per_minute() const noexcept {
    return static_cast<std::uint64_t>(capacity_);
  }

 private:
  [[nodiscard]] static double asked(std::uint64_t amount) noexcept {
    return static_cast<double>(amount);
  }
  [[nodiscard]] double level_at(MonotonicTime now) const noexcept;

  double capacity_;  // units; drained in one minute
  double level_ = 0;
  MonotonicTime at_{};  // of level_
};

}  // namespace penstock::frontend
