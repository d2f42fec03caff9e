// RoPE frequencies and their context-extension scalings.
//
// Plain: Su et al., "RoFormer", section 3.2.2. Linear: Chen et al., "Extending Context Window of
// Large Language Models via Position Interpolation". YaRN: Peng et al., "YaRN: Efficient Context
// Window Extension", sections 3.1 to 3.4. llama3: the three-band rule of the Llama 3.1 models.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "model/config.h"

namespace penstock::model {
namespace {

constexpr double kTwoPi = 2.0 * std::numbers::pi;

// Long waves are slowed by the factor, short ones kept, those between blended by how many of them
// fit in the original context.
double scale_llama3(double frequency, const RopeConfig& rope) {
  const double context = rope.original_context;
  const double wavelength = kTwoPi / frequency;
  if (wavelength < context / rope.high_freq_factor) return frequency;
  if (wavelength > context / rope.low_freq_factor) return frequency / rope.factor;
  const double keep = (context / wavelength - rope.low_freq_factor) /
                      (rope.high_freq_factor - rope.low_freq_factor);
  return (1.0 - keep) * frequency / rope.factor + keep * frequency;
}

// The (fractional) pair number whose wave turns `rotations` times within the original context.
double pair_with_rotations(double rotations, const RopeConfig& rope) {
  return rope.dims * std::log(rope.original_context / (rotations * kTwoPi)) /
         (2.0 * std::log(rope.theta));
}

// Pairs up to `low` are kept, pairs from `high` on are slowed by the factor.
struct YarnRamp {
  double low = 0;
  double high = 0;

  explicit YarnRamp(const RopeConfig& rope)
      : low(pair_with_rotations(rope.beta_fast, rope)),
        high(pair_with_rotations(rope.beta_slow, rope)) {
    if (rope.truncate_ramp) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, rope.dims - 1.0);
    if (low == high) high += 0.001;
  }

  [[nodiscard]] double scale(double frequency, std::size_t pair, double factor) const {
    const double slowed = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
    return frequency / factor * slowed + frequency * (1.0 - slowed);
  }
};

double yarn_magnitude(const RopeConfig& rope) {
  if (rope.attention_factor) return *rope.attention_factor;
  return rope.factor <= 1.0 ? 1.0 : 0.1 * std::log(rope.factor) + 1.0;
}

}  // namespace

RopeTable make_rope_table(const RopeConfig& rope) {
  const std::size_t pairs = rope.dims / 2;
  CHECK(rope.frequency_factors.empty() || rope.frequency_factors.size() == pairs);
  RopeTable table;
  table.inverse_frequencies.resize(pairs);
  std::optional<YarnRamp> ramp;
  if (rope.scaling == RopeScaling::kYarn) ramp.emplace(rope);
  for (std::size_t i = 0; i < pairs; ++i) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / rope.dims);
    if (!rope.frequency_factors.empty()) frequency /= rope.frequency_factors[i];
    switch (rope.scaling) {
      case RopeScaling::kNone:
        break;
      case RopeScaling::kLinear:
        frequency /= rope.factor;
        break;
      case RopeScaling::kLlama3:
        frequency = scale_llama3(frequency, rope);
        break;
      case RopeScaling::kYarn:
        frequency = ramp->scale(frequency, i, rope.factor);
        break;
    }
    table.inverse_frequencies[i] = static_cast<float>(frequency);
  }
  if (ramp) table.magnitude = static_cast<float>(yarn_magnitude(rope));
  return table;
}

}  // namespace penstock::model
