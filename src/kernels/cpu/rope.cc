#include "kernels/cpu/rope.h"

#include <cmath>
#include <cstddef>

namespace penstock::kernels {
namespace {

struct SinCos {
  double sine;
  double cosine;
};

// For |x| <= pi/4: Taylor polynomials to x^15 and x^14, truncated below 1e-14.
SinCos small_angle(double x) noexcept {
  const double y = x * x;
  double s = -1.0 / 1307674368000.0;
  s = s * y + 1.0 / 6227020800.0;
  s = s * y - 1.0 / 39916800.0;
  s = s * y + 1.0 / 362880.0;
  s = s * y - 1.0 / 5040.0;
  s = s * y + 1.0 / 120.0;
  s = s * y - 1.0 / 6.0;
  double c = -1.0 / 87178291200.0;
  c = c * y + 1.0 / 479001600.0;
  c = c * y - 1.0 / 3628800.0;
  c = c * y + 1.0 / 40320.0;
  c = c * y - 1.0 / 720.0;
  c = c * y + 1.0 / 24.0;
  c = c * y - 0.5;
  return {x + x * (y * s), 1.0 + y * c};
}

// 0 <= x < 2^24: x = n * pi/2 + r with pi/2 in two parts; the first has 29 bits, so n times it is
// exact, and what both leave out is below 1e-17 per quarter turn.
SinCos sin_cos(double x) noexcept {
  constexpr double kHigh = 1.57079632580280303955078125;
  constexpr double kLow = 9.920935796805404e-10;
  const long n = std::lround(x * 0.63661977236758134);
  const auto quarter_turns = static_cast<double>(n);
  const SinCos r = small_angle((x - quarter_turns * kHigh) - quarter_turns * kLow);
  switch (n & 3) {
    case 0:
      return r;
    case 1:
      return {r.cosine, -r.sine};
    case 2:
      return {-r.sine, -r.cosine};
    default:
      return {-r.cosine, r.sine};
  }
}

}  // namespace

void rope_angles(std::uint32_t position, std::span<const float> inverse_frequencies,
                 float magnitude, float* cosines, float* sines) noexcept {
  for (std::size_t i = 0; i < inverse_frequencies.size(); ++i) {
    const float angle = static_cast<float>(position) * inverse_frequencies[i];
    const SinCos turn = sin_cos(static_cast<double>(angle));
    cosines[i] = static_cast<float>(turn.cosine) * magnitude;
    sines[i] = static_cast<float>(turn.sine) * magnitude;
  }
}

void rotate_head(RopePairs pairs, std::uint32_t num_pairs, const float* cosines, const float* sines,
                 float* head) noexcept {
  const std::size_t stride = pairs == RopePairs::kHalves ? 1 : 2;
  const std::size_t distance = pairs == RopePairs::kHalves ? num_pairs : 1;
  for (std::size_t i = 0; i < num_pairs; ++i) {
    const float a = head[i * stride];
    const float b = head[i * stride + distance];
    head[i * stride] = a * cosines[i] - b * sines[i];
    head[i * stride + distance] = b * cosines[i] + a * sines[i];
  }
}

}  // namespace penstock::kernels
