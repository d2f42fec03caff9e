// How long a step takes on this machine, learned from the steps themselves.
//
//   time = fixed + per_row * rows + per_attended * attended
//
// fitted by least squares of relative errors over decayed sums, coefficients never negative: a term
// that would be is left out. The model so follows a machine that becomes busy, and a context that
// grows. It trusts itself only near what it has seen: a chunk is at most a few times larger than
// those of late, and the very first step, which also pays for cold memory, teaches nothing. It
// turns a time target into chunk sizes; it never changes results. Threading: a value.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "sched/step_work.h"

namespace penstock::sched {

class CostModel final {
 public:
  // A finished step.
  void observe(const StepWork& work, Duration elapsed) noexcept;

  // Zero while nothing was observed.
  [[nodiscard]] Duration predict(const StepWork& work) const noexcept;
  // Most tokens that a chunk from `first_position` on may add to `work` within `target`.
  [[nodiscard]] std::uint32_t tokens_within(Duration target, const StepWork& work,
                                            std::uint32_t first_position) const noexcept;
  [[nodiscard]] bool has_observations() const noexcept { return moments_[0][0] > 0; }

 private:
  static constexpr int kTerms = 3;
  using Row = std::array<double, kTerms>;

  void fit() noexcept;

  std::array<Row, kTerms> moments_{};  // decayed sums of x_i * x_j / y^2
  Row targets_{};                      // decayed sums of x_i / y
  double squares_ = 0;                 // decayed count
  double largest_rows_ = 0;            // of late
  bool is_warm_ = false;               // the first step is over
  Row coefficients_{};                 // ns: fixed, per row, per attended pair
};

}  // namespace penstock::sched
