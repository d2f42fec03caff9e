// RMSNorm and SwiGLU on one row.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/math.h"

namespace penstock::kernels {

// Stores the first `count` (1 to 16) lanes as value number `index` and following of `out`.
template <class S>
[[gnu::always_inline]] inline void store_activation(ActivationType type, void* out,
                                                    std::uint32_t index, std::uint32_t count,
                                                    typename S::F value) {
  if (type == ActivationType::kF32) {
    float* place = static_cast<float*>(out) + index;
    if (count >= 16) {
      S::store(place, value);
    } else {
      float lanes[16];
      S::store(lanes, value);
      std::memcpy(place, lanes, std::size_t{4} * count);
    }
  } else {
    std::uint16_t* place = static_cast<std::uint16_t*>(out) + index;
    if (count >= 16) {
      S::store_bf16(place, value);
    } else {
      std::uint16_t lanes[16];
      S::store_bf16(lanes, value);
      std::memcpy(place, lanes, std::size_t{2} * count);
    }
  }
}

// Sixteen floats of which the first `count` are there; the others are 0.
template <class S>
[[gnu::always_inline]] inline typename S::F load_some(const float* p, std::uint32_t count) {
  if (count >= 16) return S::load(p);
  float lanes[16] = {};
  std::memcpy(lanes, p, std::size_t{4} * count);
  return S::load(lanes);
}

// The sum of squares is kept in 16 lanes, lane i taking values i, i + 16, ..., and then folded.
template <class S>
[[gnu::always_inline]] inline void rms_norm_row(const RmsNormArgs& args) {
  auto squares = S::zero();
  for (std::uint32_t i = 0; i < args.size; i += 16) {
    const auto x = load_some<S>(args.x + i, args.size - i);
    squares = S::fma(x, x, squares);
  }
  const float mean = S::reduce_add(squares) / static_cast<float>(args.size);
  const auto scale = S::splat(1.0F / __builtin_sqrtf(mean + args.epsilon));
  for (std::uint32_t i = 0; i < args.size; i += 16) {
    const std::uint32_t count = args.size - i;
    const auto normalized = S::mul(load_some<S>(args.x + i, count), scale);
    const auto y = S::mul(normalized, load_some<S>(args.weight + i, count));
    store_activation<S>(args.out_type, args.out, i, count, y);
  }
}

template <class S>
[[gnu::always_inline]] inline void swiglu_row(const SwigluArgs& args) {
  for (std::uint32_t i = 0; i < args.size; i += 16) {
    const std::uint32_t count = args.size - i;
    const auto gate = load_some<S>(args.gate + i, count);
    const auto denominator = S::add(S::splat(1.0F), exp<S>(S::sub(S::zero(), gate)));
    const auto y = S::mul(S::div(gate, denominator), load_some<S>(args.up + i, count));
    store_activation<S>(args.out_type, args.out, i, count, y);
  }
}

}  // namespace penstock::kernels
