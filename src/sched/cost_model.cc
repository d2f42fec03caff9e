#include "sched/cost_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace penstock::sched {
namespace {

// Half of the weight is gone after about 35 steps.
constexpr double kDecay = 0.98;
// Rows that are always allowed, and how many times what was seen of late.
constexpr double kTrustedRows = 64;
constexpr double kTrustedGrowth = 4;
constexpr int kMaxTerms = 3;

struct Fit {
  std::array<double, kMaxTerms> coefficients{};
  double error = 0;  // sum of squared relative errors
};

// The unknowns picked by `mask` from the normal equations, by Gaussian elimination with pivoting;
// empty when they do not determine them.
std::optional<Fit> solve(const std::array<std::array<double, kMaxTerms>, kMaxTerms>& moments,
                         const std::array<double, kMaxTerms>& targets, double squares,
                         unsigned mask) {
  std::array<int, kMaxTerms> term{};
  int size = 0;
  for (int i = 0; i < kMaxTerms; ++i) {
    if ((mask >> i & 1U) != 0) term[size++] = i;
  }
  // Columns are scaled to a unit diagonal, so that one threshold fits terms of any size.
  std::array<double, kMaxTerms> scale{};
  for (int i = 0; i < size; ++i) {
    const double diagonal = moments[term[i]][term[i]];
    if (!(diagonal > 0)) return std::nullopt;
    scale[i] = 1 / std::sqrt(diagonal);
  }
  std::array<std::array<double, kMaxTerms + 1>, kMaxTerms> a{};
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size; ++j) a[i][j] = moments[term[i]][term[j]] * scale[i] * scale[j];
    a[i][size] = targets[term[i]] * scale[i];
  }
  constexpr double kSingular = 1e-6;
  for (int i = 0; i < size; ++i) {
    int pivot = i;
    for (int r = i + 1; r < size; ++r) {
      if (std::abs(a[r][i]) > std::abs(a[pivot][i])) pivot = r;
    }
    if (std::abs(a[pivot][i]) < kSingular) return std::nullopt;
    std::swap(a[i], a[pivot]);
    for (int r = 0; r < size; ++r) {
      if (r == i) continue;
      const double factor = a[r][i] / a[i][i];
      for (int c = i; c <= size; ++c) a[r][c] -= factor * a[i][c];
    }
  }
  Fit fit;
  fit.error = squares;
  for (int i = 0; i < size; ++i) {
    const double value = a[i][size] / a[i][i] * scale[i];
    if (!(value >= 0)) return std::nullopt;
    fit.coefficients[term[i]] = value;
    fit.error -= value * targets[term[i]];
  }
  return fit;
}

}  // namespace

void CostModel::observe(const StepWork& work, Duration elapsed) noexcept {
  const auto y = static_cast<double>(elapsed.count());
  if (!(y > 0) || !(work.rows > 0) || !std::exchange(is_warm_, true)) return;
  largest_rows_ = std::max(work.rows, largest_rows_ * kDecay);
  // Divided by y, an error of a tenth weighs the same in a short step and in a long one.
  const Row x = {1 / y, work.rows / y, work.attended / y};
  for (int i = 0; i < kTerms; ++i) {
    for (int j = 0; j < kTerms; ++j) moments_[i][j] = moments_[i][j] * kDecay + x[i] * x[j];
    targets_[i] = targets_[i] * kDecay + x[i];
  }
  squares_ = squares_ * kDecay + 1;
  fit();
}

void CostModel::fit() noexcept {
  // Bit 0: fixed, 1: per row, 2: per attended pair. Steps of one size determine one term only: all
  // of the time counts per row then, which errs towards small chunks.
  constexpr unsigned kSubsets[] = {0b010, 0b110, 0b011, 0b111, 0b100, 0b001, 0b101};
  double best = std::numeric_limits<double>::infinity();
  for (const unsigned mask : kSubsets) {
    const std::optional<Fit> fit = solve(moments_, targets_, squares_, mask);
    // A term more must explain something: two percent of what is left, and no mere rounding.
    if (!fit || fit->error >= best * 0.98 - 1e-9 * squares_) continue;
    best = fit->error;
    coefficients_ = fit->coefficients;
  }
}

Duration CostModel::predict(const StepWork& work) const noexcept {
  const double ns =
      coefficients_[0] + coefficients_[1] * work.rows + coefficients_[2] * work.attended;
  return work.rows > 0 ? Duration(std::llround(ns)) : Duration::zero();
}

std::uint32_t CostModel::tokens_within(Duration target, const StepWork& work,
                                       std::uint32_t first_position) const noexcept {
  const double spent =
      coefficients_[0] + coefficients_[1] * work.rows + coefficients_[2] * work.attended;
  const double left = static_cast<double>(target.count()) - spent;
  if (!(left > 0)) return 0;
  // a n^2 + b n <= left
  const double a = coefficients_[2] / 2;
  const double b = coefficients_[1] + coefficients_[2] * (first_position + 0.5);
  const double n = 2 * left / (b + std::sqrt(b * b + 4 * a * left));
  const double trusted = std::max(kTrustedRows, largest_rows_ * kTrustedGrowth) - work.rows;
  return static_cast<std::uint32_t>(std::clamp(n, 0.0, std::max(trusted, 0.0)));
}

}  // namespace penstock::sched
