// Sixteen float or 32-bit lanes in the compiler's vector extension: any processor, any width.
//
// The algorithms in this folder are templates over such a type; simd_avx512.h is the other one.
// Every operation gives the same bits in both. `Target` only tells the instantiations of separately
// compiled files apart, so that the linker never mixes code for different processors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__FMA__)
#include <immintrin.h>
#endif

#include "kernels/half.h"

namespace penstock::kernels {

template <class Target>
struct GenericSimd {
  using F = float __attribute__((vector_size(64)));
  using I = std::int32_t __attribute__((vector_size(64)));
  using U = std::uint32_t __attribute__((vector_size(64)));
#define PENSTOCK_SIMD [[gnu::always_inline]] static inline
#if defined(__FMA__)
#define PENSTOCK_SIMD_FUSED PENSTOCK_SIMD
#else
// Sixteen calls of the C library: one more call costs little and keeps the code small.
#define PENSTOCK_SIMD_FUSED [[gnu::noinline]] static
#endif
  static constexpr int kRowBlock = 2;  // rows that a matrix product keeps in registers

  PENSTOCK_SIMD F load(const float* p) {
    F r;
    std::memcpy(&r, p, 64);
    return r;
  }
  PENSTOCK_SIMD void store(float* p, F v) { std::memcpy(p, &v, 64); }
  PENSTOCK_SIMD I load_words(const void* p) {
    I r;
    std::memcpy(&r, p, 64);
    return r;
  }
  PENSTOCK_SIMD void store_words(void* p, I v) { std::memcpy(p, &v, 64); }
  PENSTOCK_SIMD F splat(float v) { return F{} + v; }
  PENSTOCK_SIMD I splat_word(std::uint32_t v) { return reinterpret_cast<I>(U{} + v); }
  PENSTOCK_SIMD F zero() { return F{}; }

  PENSTOCK_SIMD F add(F a, F b) { return a + b; }
  PENSTOCK_SIMD F sub(F a, F b) { return a - b; }
  PENSTOCK_SIMD F mul(F a, F b) { return a * b; }
  PENSTOCK_SIMD F div(F a, F b) { return a / b; }
  // b where either is NaN, as the processor's instruction.
  PENSTOCK_SIMD F max(F a, F b) { return a > b ? a : b; }
  PENSTOCK_SIMD F min(F a, F b) { return a < b ? a : b; }
  PENSTOCK_SIMD_FUSED F fma(F a, F b, F c) {
#if defined(__FMA__)
    const Halves x = __builtin_bit_cast(Halves, a);
    const Halves y = __builtin_bit_cast(Halves, b);
    const Halves z = __builtin_bit_cast(Halves, c);
    return __builtin_bit_cast(
        F, Halves{_mm256_fmadd_ps(x.low, y.low, z.low), _mm256_fmadd_ps(x.high, y.high, z.high)});
#else
    for (int i = 0; i < 16; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#endif
  }
  // a < b ? x : y, lane by lane.
  PENSTOCK_SIMD F select_less(F a, F b, F x, F y) { return a < b ? x : y; }
  // Lanes below `count` from `x`, the others from `y`.
  PENSTOCK_SIMD F select_first(unsigned count, F x, F y) {
    return lane_numbers() < splat_word(count) ? x : y;
  }

  PENSTOCK_SIMD I bits(F v) { return reinterpret_cast<I>(v); }
  PENSTOCK_SIMD F from_bits(I v) { return reinterpret_cast<F>(v); }
  PENSTOCK_SIMD I add_words(I a, I b) {
    return reinterpret_cast<I>(reinterpret_cast<U>(a) + reinterpret_cast<U>(b));
  }
  PENSTOCK_SIMD I and_words(I a, I b) { return a & b; }
  PENSTOCK_SIMD I or_words(I a, I b) { return a | b; }
  PENSTOCK_SIMD I shift_left(I v, int n) {
    return reinterpret_cast<I>(reinterpret_cast<U>(v) << n);
  }
  PENSTOCK_SIMD I shift_right(I v, int n) {
    return reinterpret_cast<I>(reinterpret_cast<U>(v) >> n);
  }
  PENSTOCK_SIMD I shift_right_signed(I v, int n) { return v >> n; }
  PENSTOCK_SIMD F to_float(I v) { return __builtin_convertvector(v, F); }
  // The low four bits of each lane as a number.
  PENSTOCK_SIMD F nibble_to_float(I v) { return to_float(v & 15); }

  PENSTOCK_SIMD F load_f16(const void* p) {
#if defined(__FMA__)
    const auto* source = static_cast<const __m128i*>(p);
    return __builtin_bit_cast(F, Halves{_mm256_cvtph_ps(_mm_loadu_si128(source)),
                                        _mm256_cvtph_ps(_mm_loadu_si128(source + 1))});
#else
    std::uint16_t values[16];
    std::memcpy(values, p, 32);
    F r{};
    for (int i = 0; i < 16; ++i) r[i] = f16_to_f32(values[i]);
    return r;
#endif
  }
  // The f16 in the low half of each lane.
  PENSTOCK_SIMD F low_f16(I v) {
    std::uint16_t low[16];
    for (int i = 0; i < 16; ++i) low[i] = static_cast<std::uint16_t>(v[i]);
    return load_f16(low);
  }
  PENSTOCK_SIMD I load_u8(const void* p) {
    std::uint8_t values[16];
    std::memcpy(values, p, 16);
    I r{};
    for (int i = 0; i < 16; ++i) r[i] = values[i];
    return r;
  }
  PENSTOCK_SIMD I load_i8(const void* p) {
    std::int8_t values[16];
    std::memcpy(values, p, 16);
    I r{};
    for (int i = 0; i < 16; ++i) r[i] = values[i];
    return r;
  }

  // f32_to_bf16() of each lane, in the upper half of the lane; the lower half is undefined.
  PENSTOCK_SIMD U round_to_upper(F v) {
    const U raw = reinterpret_cast<U>(v);
    const U magnitude = raw & 0x7FFFFFFFU;
    const U flushed = (raw & 0x7F800000U) == 0U ? raw & 0x80000000U : raw;
    const U rounded = flushed + 0x7FFFU + ((flushed >> 16) & 1U);
    return magnitude > 0x7F800000U ? raw | 0x400000U : rounded;
  }
  PENSTOCK_SIMD F round_bf16(F v) { return reinterpret_cast<F>(round_to_upper(v) & 0xFFFF0000U); }
  // Lane i: bf16(even[i]) in the low half, bf16(odd[i]) in the high half.
  PENSTOCK_SIMD I pack_pairs(F even, F odd) {
    return reinterpret_cast<I>((round_to_upper(even) >> 16) | (round_to_upper(odd) & 0xFFFF0000U));
  }
  PENSTOCK_SIMD void store_bf16(std::uint16_t* p, F v) {
    const U upper = round_to_upper(v) >> 16;
    for (int i = 0; i < 16; ++i) p[i] = static_cast<std::uint16_t>(upper[i]);
  }
  // acc + odd product, rounded, then + even product, rounded; subnormal inputs and results are
  // zero of their sign. This is what the AVX-512 BF16 instruction does.
  PENSTOCK_SIMD_FUSED F dot_pairs(F acc, I a, I b) {
    const F odd = flush(fma(flush(upper_half(a)), flush(upper_half(b)), flush(acc)));
    return flush(fma(flush(lower_half(a)), flush(lower_half(b)), odd));
  }

  // ((lane i + lane i+8), then +4, +2, +1): one order for every processor.
  PENSTOCK_SIMD float reduce_add(F v) {
    float lanes[16];
    store(lanes, v);
    for (int width = 8; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
    }
    return lanes[0];
  }
  PENSTOCK_SIMD float reduce_max(F v) {
    float result = v[0];
    for (int i = 1; i < 16; ++i) result = v[i] > result ? v[i] : result;
    return result;
  }

 private:
#if defined(__FMA__)
  struct Halves {
    __m256 low;
    __m256 high;
  };
#endif
  PENSTOCK_SIMD I lane_numbers() { return I{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
  PENSTOCK_SIMD F upper_half(I v) { return from_bits(v & splat_word(0xFFFF0000U)); }
  PENSTOCK_SIMD F lower_half(I v) { return from_bits(shift_left(v, 16)); }
  PENSTOCK_SIMD F flush(F v) {
    const U raw = reinterpret_cast<U>(v);
    return reinterpret_cast<F>((raw & 0x7F800000U) == 0U ? raw & 0x80000000U : raw);
  }
#undef PENSTOCK_SIMD
#undef PENSTOCK_SIMD_FUSED
};

}  // namespace penstock::kernels
