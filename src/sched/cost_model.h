// How long a step of so many tokens takes on this machine, learned from the steps themselves.
//
// A step's time is modelled as fixed + per_token * tokens; both parts are decayed averages, so the
// model follows a machine that becomes busy. Used to turn a time target into a token budget; it
// never changes results, only how prompts are cut into chunks. Threading: a value.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace penstock::sched {

class CostModel final {
 public:
  // A finished step: `num_tokens` rows computed in `elapsed`.
  void observe(std::uint32_t num_tokens, Duration elapsed) noexcept;

  // Predicted time; zero while nothing was observed.
  [[nodiscard]] Duration predict(std::uint32_t num_tokens) const noexcept;
  // Most tokens whose predicted time is within `target`, at least 1.
  [[nodiscard]] std::uint32_t tokens_within(Duration target) const noexcept;
  [[nodiscard]] bool has_observations() const noexcept { return weight_ > 0; }

 private:
  // Decayed sums of a least-squares line through (tokens, ns).
  double weight_ = 0;
  double sum_x_ = 0;
  double sum_y_ = 0;
  double sum_xx_ = 0;
  double sum_xy_ = 0;

  struct Line {
    double fixed_ns;
    double per_token_ns;
  };
  [[nodiscard]] Line line() const noexcept;
};

}  // namespace penstock::sched
