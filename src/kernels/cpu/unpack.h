// Packed weights to floats: lanes are the 16 outputs of a panel, pairs of k in ascending order.
//
// unpack<S>(matrix, panel bytes, first k, count, sink) calls sink(pair, even, odd) for each pair
// (first + 2 * pair, first + 2 * pair + 1). `first` is a multiple of 256, `count` at most 256; an
// odd K has a zero as its last odd value. The floats are those of ref::dequantize, bit for bit
// (kernels/quant_block.h says why a fused step may be used).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/packed_matrix.h"
#include "kernels/quant_block.h"

namespace penstock::kernels {

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_f32(const std::byte* codes, std::uint32_t num_pairs,
                                              Sink sink) {
  for (std::uint32_t i = 0; i < num_pairs; ++i) {
    const std::byte* pair = codes + std::size_t{128} * i;
    sink(i, S::from_bits(S::load_words(pair)), S::from_bits(S::load_words(pair + 64)));
  }
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_f16(const std::byte* codes, std::uint32_t num_pairs,
                                              Sink sink) {
  for (std::uint32_t i = 0; i < num_pairs; ++i) {
    const auto words = S::load_words(codes + std::size_t{64} * i);
    sink(i, S::low_f16(words), S::low_f16(S::shift_right(words, 16)));
  }
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_bf16(const std::byte* codes, std::uint32_t num_pairs,
                                               Sink sink) {
  const auto upper = S::splat_word(0xFFFF0000U);
  for (std::uint32_t i = 0; i < num_pairs; ++i) {
    const auto words = S::load_words(codes + std::size_t{64} * i);
    sink(i, S::from_bits(S::shift_left(words, 16)), S::from_bits(S::and_words(words, upper)));
  }
}

// The eight 4-bit codes of each lane word, as pairs: convert(word shifted so that the code is in
// the low bits, number of the code in its run).
template <class S, class Convert, class Sink>
[[gnu::always_inline]] inline void unpack_nibbles(const std::byte* codes, std::uint32_t num_words,
                                                  std::uint32_t first_pair, Convert convert,
                                                  Sink sink) {
  for (std::uint32_t w = 0; w < num_words; ++w) {
    const auto word = S::load_words(codes + std::size_t{64} * w);
#pragma GCC unroll 4
    for (std::uint32_t i = 0; i < 4; ++i) {
      const int shift = static_cast<int>(8 * i);
      const std::uint32_t code = 8 * w + 2 * i;
      sink(first_pair + 4 * w + i, convert(S::shift_right(word, shift), code),
           convert(S::shift_right(word, shift + 4), code + 1));
    }
  }
}

// Low nibble of `word` and, above it, bits of a lane word of the second plane.
template <class S>
[[gnu::always_inline]] inline typename S::I join_planes(typename S::I word, typename S::I high,
                                                        std::uint32_t mask) {
  return S::or_words(S::and_words(word, S::splat_word(15)),
                     S::shift_left(S::and_words(high, S::splat_word(mask)), 4));
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_q4_0(const std::byte* codes, const std::byte* scales,
                                               std::uint32_t num_blocks, Sink sink) {
  const auto offset = S::splat(8.0F);
  for (std::uint32_t b = 0; b < num_blocks; ++b) {
    const auto d = S::load_f16(scales + std::size_t{32} * b);
    const auto convert = [&](auto word, std::uint32_t) {
      return S::mul(d, S::sub(S::nibble_to_float(word), offset));
    };
    unpack_nibbles<S>(codes + std::size_t{256} * b, 4, 16 * b, convert, sink);
  }
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_q4_1(const std::byte* codes, const std::byte* scales,
                                               std::uint32_t num_blocks, Sink sink) {
  for (std::uint32_t b = 0; b < num_blocks; ++b) {
    const auto d = S::load_f16(scales + std::size_t{64} * b);
    const auto m = S::load_f16(scales + std::size_t{64} * b + 32);
    const auto convert = [&](auto word, std::uint32_t) {
      return S::fma(d, S::nibble_to_float(word), m);
    };
    unpack_nibbles<S>(codes + std::size_t{256} * b, 4, 16 * b, convert, sink);
  }
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_q5(bool has_minimum, const std::byte* codes,
                                             const std::byte* scales, std::uint32_t num_blocks,
                                             Sink sink) {
  const std::size_t scale_bytes = has_minimum ? 64 : 32;
  for (std::uint32_t b = 0; b < num_blocks; ++b) {
    const std::byte* block = codes + std::size_t{320} * b;
    const auto high = S::load_words(block + 256);
    const auto d = S::load_f16(scales + scale_bytes * b);
    const auto join = [&](auto word, std::uint32_t code) {
      return join_planes<S>(word, S::shift_right(high, static_cast<int>(code)), 1);
    };
    if (has_minimum) {
      const auto m = S::load_f16(scales + scale_bytes * b + 32);
      const auto convert = [&](auto word, std::uint32_t code) {
        return S::fma(d, S::to_float(join(word, code)), m);
      };
      unpack_nibbles<S>(block, 4, 16 * b, convert, sink);
    } else {
      const auto offset = S::splat_word(static_cast<std::uint32_t>(-16));
      const auto convert = [&](auto word, std::uint32_t code) {
        return S::mul(d, S::to_float(S::add_words(join(word, code), offset)));
      };
      unpack_nibbles<S>(block, 4, 16 * b, convert, sink);
    }
  }
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_q8_0(const std::byte* codes, const std::byte* scales,
                                               std::uint32_t num_blocks, Sink sink) {
  for (std::uint32_t b = 0; b < num_blocks; ++b) {
    const auto d = S::load_f16(scales + std::size_t{32} * b);
    const auto value = [&](auto word, int shift) {
      return S::mul(d, S::to_float(S::shift_right_signed(S::shift_left(word, 24 - shift), 24)));
    };
    for (std::uint32_t w = 0; w < 8; ++w) {
      const auto word = S::load_words(codes + std::size_t{512} * b + std::size_t{64} * w);
      sink(16 * b + 2 * w, value(word, 0), value(word, 8));
      sink(16 * b + 2 * w + 1, value(word, 16), value(word, 24));
    }
  }
}

// Q4_K and Q5_K: eight sub-blocks of 32 with scale and minimum each.
template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_k_affine(bool has_fifth_bit, const std::byte* codes,
                                                   const std::byte* scales,
                                                   std::uint32_t num_blocks, Sink sink) {
  const std::size_t code_bytes = has_fifth_bit ? 2560 : 2048;
  for (std::uint32_t b = 0; b < num_blocks; ++b) {
    const std::byte* block = codes + code_bytes * b;
    const std::byte* block_scales = scales + std::size_t{320} * b;
    const auto d = S::load_f16(block_scales);
    const auto d_min = S::sub(S::zero(), S::load_f16(block_scales + 32));
    for (std::uint32_t sub = 0; sub < 8; ++sub) {
      const std::size_t at = std::size_t{16} * sub;
      const auto a = S::mul(d, S::to_float(S::load_u8(block_scales + 64 + at)));
      const auto m = S::mul(d_min, S::to_float(S::load_u8(block_scales + 192 + at)));
      const std::byte* words = block + std::size_t{256} * sub;
      const std::uint32_t first_pair = 128 * b + 16 * sub;
      if (has_fifth_bit) {
        const auto high = S::load_words(block + 2048 + std::size_t{64} * sub);
        const auto convert = [&](auto word, std::uint32_t code) {
          const auto bit = S::shift_right(high, static_cast<int>(code));
          return S::fma(a, S::to_float(join_planes<S>(word, bit, 1)), m);
        };
        unpack_nibbles<S>(words, 4, first_pair, convert, sink);
      } else {
        const auto convert = [&](auto word, std::uint32_t) {
          return S::fma(a, S::nibble_to_float(word), m);
        };
        unpack_nibbles<S>(words, 4, first_pair, convert, sink);
      }
    }
  }
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack_q6_k(const std::byte* codes, const std::byte* scales,
                                               std::uint32_t num_blocks, Sink sink) {
  const auto offset = S::splat_word(static_cast<std::uint32_t>(-32));
  for (std::uint32_t b = 0; b < num_blocks; ++b) {
    const std::byte* block = codes + std::size_t{3072} * b;
    const std::byte* block_scales = scales + std::size_t{288} * b;
    const auto d = S::load_f16(block_scales);
    for (std::uint32_t sub = 0; sub < 16; ++sub) {
      const std::byte* sub_scales = block_scales + 32 + std::size_t{16} * sub;
      const auto a = S::mul(d, S::to_float(S::load_i8(sub_scales)));
      const auto high = S::load_words(block + 2048 + std::size_t{64} * sub);
      const auto convert = [&](auto word, std::uint32_t code) {
        const auto pair = S::shift_right(high, static_cast<int>(2 * code));
        return S::mul(a, S::to_float(S::add_words(join_planes<S>(word, pair, 3), offset)));
      };
      unpack_nibbles<S>(block + std::size_t{128} * sub, 2, 128 * b + 8 * sub, convert, sink);
    }
  }
}

template <class S, class Sink>
[[gnu::always_inline]] inline void unpack(const PackedMatrix& matrix, const std::byte* panel,
                                          std::uint32_t first, std::uint32_t count, Sink sink) {
  const PanelBlock layout = panel_block(matrix.type);
  const std::size_t first_block = first / layout.values;
  const std::uint32_t num_blocks = (count + layout.values - 1) / layout.values;
  const std::byte* codes = panel + first_block * layout.code_bytes;
  const std::byte* scales = panel + matrix.code_bytes() + first_block * layout.scale_bytes;
  switch (matrix.type) {
    case WeightType::kF32:
      return unpack_f32<S>(codes, num_blocks, sink);
    case WeightType::kF16:
      return unpack_f16<S>(codes, num_blocks, sink);
    case WeightType::kBF16:
      return unpack_bf16<S>(codes, num_blocks, sink);
    case WeightType::kQ4_0:
      return unpack_q4_0<S>(codes, scales, num_blocks, sink);
    case WeightType::kQ4_1:
      return unpack_q4_1<S>(codes, scales, num_blocks, sink);
    case WeightType::kQ5_0:
      return unpack_q5<S>(false, codes, scales, num_blocks, sink);
    case WeightType::kQ5_1:
      return unpack_q5<S>(true, codes, scales, num_blocks, sink);
    case WeightType::kQ8_0:
      return unpack_q8_0<S>(codes, scales, num_blocks, sink);
    case WeightType::kQ4_K:
      return unpack_k_affine<S>(false, codes, scales, num_blocks, sink);
    case WeightType::kQ5_K:
      return unpack_k_affine<S>(true, codes, scales, num_blocks, sink);
    case WeightType::kQ6_K:
      return unpack_q6_k<S>(codes, scales, num_blocks, sink);
  }
}

}  // namespace penstock::kernels
