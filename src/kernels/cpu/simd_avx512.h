// Sixteen lanes in one AVX-512 register: the operations of simd_generic.h, bit for bit.
//
// HasBF16: the processor has AVX-512 BF16; else its three operations are made of others. Include
// only from files compiled for the processor.
#pragma once

#if defined(__AVX512F__)

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace penstock::kernels {

template <bool HasBF16>
struct Avx512Simd {
  using F = __m512;
  using I = __m512i;
#define PENSTOCK_SIMD [[gnu::always_inline]] static inline
  static constexpr int kRowBlock = 8;

  PENSTOCK_SIMD F load(const float* p) { return _mm512_loadu_ps(p); }
  PENSTOCK_SIMD void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  PENSTOCK_SIMD I load_words(const void* p) { return _mm512_loadu_si512(p); }
  PENSTOCK_SIMD void store_words(void* p, I v) { _mm512_storeu_si512(p, v); }
  PENSTOCK_SIMD F splat(float v) { return _mm512_set1_ps(v); }
  PENSTOCK_SIMD I splat_word(std::uint32_t v) { return _mm512_set1_epi32(static_cast<int>(v)); }
  PENSTOCK_SIMD F zero() { return _mm512_setzero_ps(); }

  PENSTOCK_SIMD F add(F a, F b) { return _mm512_add_ps(a, b); }
  PENSTOCK_SIMD F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  PENSTOCK_SIMD F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  PENSTOCK_SIMD F div(F a, F b) { return _mm512_div_ps(a, b); }
  PENSTOCK_SIMD F max(F a, F b) { return _mm512_max_ps(a, b); }
  PENSTOCK_SIMD F min(F a, F b) { return _mm512_min_ps(a, b); }
  PENSTOCK_SIMD F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  PENSTOCK_SIMD F select_less(F a, F b, F x, F y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
  }
  PENSTOCK_SIMD F select_first(unsigned count, F x, F y) {
    const auto mask = static_cast<__mmask16>((1U << count) - 1U);
    return _mm512_mask_blend_ps(mask, y, x);
  }

  PENSTOCK_SIMD I bits(F v) { return _mm512_castps_si512(v); }
  PENSTOCK_SIMD F from_bits(I v) { return _mm512_castsi512_ps(v); }
  PENSTOCK_SIMD I add_words(I a, I b) { return _mm512_add_epi32(a, b); }
  PENSTOCK_SIMD I and_words(I a, I b) { return _mm512_and_si512(a, b); }
  PENSTOCK_SIMD I or_words(I a, I b) { return _mm512_or_si512(a, b); }
  PENSTOCK_SIMD I shift_left(I v, int n) { return _mm512_slli_epi32(v, static_cast<unsigned>(n)); }
  PENSTOCK_SIMD I shift_right(I v, int n) { return _mm512_srli_epi32(v, static_cast<unsigned>(n)); }
  PENSTOCK_SIMD I shift_right_signed(I v, int n) {
    return _mm512_srai_epi32(v, static_cast<unsigned>(n));
  }
  PENSTOCK_SIMD F to_float(I v) { return _mm512_cvtepi32_ps(v); }
  // The permutation looks at the low four bits only: a mask and a conversion saved.
  PENSTOCK_SIMD F nibble_to_float(I v) {
    const F table = _mm512_setr_ps(0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F, 8.0F, 9.0F,
                                   10.0F, 11.0F, 12.0F, 13.0F, 14.0F, 15.0F);
    return _mm512_permutexvar_ps(v, table);
  }

  PENSTOCK_SIMD F load_f16(const void* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  }
  PENSTOCK_SIMD F low_f16(I v) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(v)); }
  PENSTOCK_SIMD I load_u8(const void* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  PENSTOCK_SIMD I load_i8(const void* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }

  PENSTOCK_SIMD F round_bf16(F v) {
    if constexpr (HasBF16) {
      const __m256i half = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v));
      return from_bits(shift_left(_mm512_cvtepu16_epi32(half), 16));
    } else {
      return from_bits(and_words(round_to_upper(v), splat_word(0xFFFF0000U)));
    }
  }
  PENSTOCK_SIMD I pack_pairs(F even, F odd) {
    if constexpr (HasBF16) {
      const I halves = reinterpret_cast<I>(_mm512_cvtne2ps_pbh(odd, even));
      const I interleave =
          _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                           6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
      return _mm512_permutexvar_epi16(interleave, halves);
    } else {
      return or_words(shift_right(round_to_upper(even), 16),
                      and_words(round_to_upper(odd), splat_word(0xFFFF0000U)));
    }
  }
  PENSTOCK_SIMD void store_bf16(std::uint16_t* p, F v) {
    auto* out = reinterpret_cast<__m256i*>(p);
    if constexpr (HasBF16) {
      _mm256_storeu_si256(out, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
    } else {
      _mm256_storeu_si256(out, _mm512_cvtepi32_epi16(shift_right(round_to_upper(v), 16)));
    }
  }
  PENSTOCK_SIMD F dot_pairs(F acc, I a, I b) {
    if constexpr (HasBF16) {
      return _mm512_dpbf16_ps(acc, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
    } else {
      const F odd = flush(fma(flush(upper_half(a)), flush(upper_half(b)), flush(acc)));
      return flush(fma(flush(lower_half(a)), flush(lower_half(b)), odd));
    }
  }

  PENSTOCK_SIMD float reduce_add(F v) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }
  PENSTOCK_SIMD float reduce_max(F v) { return _mm512_reduce_max_ps(v); }

 private:
  PENSTOCK_SIMD F upper_half(I v) { return from_bits(and_words(v, splat_word(0xFFFF0000U))); }
  PENSTOCK_SIMD F lower_half(I v) { return from_bits(shift_left(v, 16)); }
  PENSTOCK_SIMD __mmask16 is_tiny(I v) {
    return _mm512_testn_epi32_mask(v, splat_word(0x7F800000U));
  }
  PENSTOCK_SIMD F flush(F v) {
    const I raw = bits(v);
    return from_bits(_mm512_mask_and_epi32(raw, is_tiny(raw), raw, splat_word(0x80000000U)));
  }
  PENSTOCK_SIMD I round_to_upper(F v) {
    const I raw = bits(flush(v));
    const I last_bit = and_words(shift_right(raw, 16), splat_word(1));
    const I rounded = add_words(add_words(raw, splat_word(0x7FFFU)), last_bit);
    const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, is_nan, raw, splat_word(0x400000U));
  }
#undef PENSTOCK_SIMD
};

}  // namespace penstock::kernels

#endif  // __AVX512F__
