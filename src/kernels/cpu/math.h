// exp() with one sequence of operations on every processor, so that results are equal bit for bit.
//
// exp(x) = 2^n * exp(r), n = round(x / ln 2), r = x - n ln 2 in two steps (Cody and Waite), exp(r)
// by its Taylor polynomial of degree 7 in Horner form with fused steps; |r| <= 0.347, where the
// first term left out is below 6e-9. Error below 1.5 units in the last place. Below -87 the result
// is 0, above 88 that of 88.
#pragma once

#include <cstdint>

namespace penstock::kernels {

template <class S>
[[gnu::always_inline]] inline typename S::F exp(typename S::F x) {
  using F = typename S::F;
  const F lowest = S::splat(-87.0F);
  const F clamped = S::min(S::max(x, lowest), S::splat(88.0F));
  // Adding 1.5 * 2^23 leaves the rounded integer in the low bits of the sum.
  const F shifter = S::splat(12582912.0F);
  const F shifted = S::fma(clamped, S::splat(1.44269504F), shifter);
  const F n = S::sub(shifted, shifter);
  F r = S::fma(n, S::splat(-0.693145752F), clamped);
  r = S::fma(n, S::splat(-1.42860677e-6F), r);
  F p = S::splat(1.0F / 5040.0F);
  p = S::fma(p, r, S::splat(1.0F / 720.0F));
  p = S::fma(p, r, S::splat(1.0F / 120.0F));
  p = S::fma(p, r, S::splat(1.0F / 24.0F));
  p = S::fma(p, r, S::splat(1.0F / 6.0F));
  p = S::fma(p, r, S::splat(0.5F));
  p = S::fma(p, r, S::splat(1.0F));
  p = S::fma(p, r, S::splat(1.0F));
  const F scaled = S::from_bits(S::add_words(S::bits(p), S::shift_left(S::bits(shifted), 23)));
  return S::select_less(x, lowest, S::zero(), scaled);
}

}  // namespace penstock::kernels
