// Paged attention of up to eight queries that share a KV head: decode (the heads of a group),
// prefill (rows x heads) and any mixture are the same call.
//
// The arithmetic of one query, whatever else is in the call: positions in segments of 256 from
// position 0; within one, tiles of 32 in ascending order (online softmax: Milakov and Gimelshein,
// "Online normalizer calculation for softmax", 2018); segments are merged in ascending order.
//   tile    s = scale * (q . k), m' = max(m, max s), p = exp(s - m'), c = exp(m - m')
//           l = l * c + sum p (16 lanes, folded), o = o * c, then o += p v, positions ascending
//   merge   M' = max(M, m), L = L * exp(M - M') + l * exp(m - M'), O likewise
// q . k takes one step per d (f32) or per pair of d (bf16). With bf16, q and p are rounded to bf16,
// and l sums the rounded p. Positions past num_positions are never read into a sum.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/math.h"

namespace penstock::kernels {

// f32 keys and values: a step is one d (scores) or one position (values).
template <class S>
struct F32Kv {
  static constexpr std::uint32_t kStep = 1;
  [[gnu::always_inline]] static inline typename S::F step(typename S::F sum, typename S::I kv,
                                                          typename S::I x) {
    return S::fma(S::from_bits(kv), S::from_bits(x), sum);
  }
  [[gnu::always_inline]] static inline typename S::F round(typename S::F v) { return v; }
  [[gnu::always_inline]] static inline void put(std::uint32_t* words, std::uint32_t index,
                                                typename S::F v) {
    S::store_words(words + index, S::bits(v));
  }
};

// bf16: a step is a pair of d or of positions.
template <class S>
struct BF16Kv {
  static constexpr std::uint32_t kStep = 2;
  [[gnu::always_inline]] static inline typename S::F step(typename S::F sum, typename S::I kv,
                                                          typename S::I x) {
    return S::dot_pairs(sum, kv, x);
  }
  [[gnu::always_inline]] static inline typename S::F round(typename S::F v) {
    return S::round_bf16(v);
  }
  [[gnu::always_inline]] static inline void put(std::uint32_t* words, std::uint32_t index,
                                                typename S::F v) {
    S::store_bf16(reinterpret_cast<std::uint16_t*>(words) + index, v);
  }
};

template <class S, class Kv>
class Attention {
 public:
  [[gnu::always_inline]] static inline void run(const AttentionArgs& args) {
    Attention attention(args);
    attention.prepare_queries();
    const std::uint32_t end = attention.positions_of(attention.num_ - 1);
    for (std::uint32_t start = 0; start < end; start += kSegmentPositions) {
      attention.add_segment(start, end);
    }
    attention.write_results();
  }

 private:
  using F = typename S::F;

  static constexpr float kMinusInfinity = -__builtin_inff();
  static constexpr std::uint32_t kMaxVectors = kMaxHeadDim / 16;

  // Softmax over a run of positions: maximum, sum, weighted values.
  struct State {
    float maximum[kMaxQueries];
    float sum[kMaxQueries];
    alignas(64) float values[kMaxQueries][kMaxHeadDim];
  };

  explicit Attention(const AttentionArgs& args)
      : args_(args),
        num_(static_cast<std::uint32_t>(args.queries.size())),
        head_dim_(args.kv.shape->head_dim),
        padded_dim_(args.kv.shape->padded_dim()) {
    clear(total_, 0);
  }

  [[nodiscard]] std::uint32_t positions_of(std::uint32_t query) const {
    return args_.queries.data()[query].num_positions;
  }
  // The first query that sees position `position`; the later ones do too.
  [[nodiscard]] std::uint32_t first_active(std::uint32_t position) const {
    std::uint32_t query = 0;
    while (positions_of(query) <= position) ++query;
    return query;
  }

  void clear(State& state, std::uint32_t first) {
    for (std::uint32_t q = first; q < num_; ++q) {
      state.maximum[q] = kMinusInfinity;
      state.sum[q] = 0.0F;
      for (std::uint32_t d = 0; d < padded_dim_; d += 16) S::store(state.values[q] + d, S::zero());
    }
  }

  void prepare_queries() {
    for (std::uint32_t q = 0; q < num_; ++q) {
      for (std::uint32_t d = 0; d < head_dim_; d += 16) {
        Kv::put(queries_[q], d, load_some<S>(args_.queries.data()[q].q + d, head_dim_ - d));
      }
    }
  }

  void add_segment(std::uint32_t start, std::uint32_t end) {
    const std::uint32_t first = first_active(start);
    clear(segment_, first);
    const std::uint32_t segment_end = start + kSegmentPositions;
    for (std::uint32_t tile = start; tile < segment_end && tile < end; tile += kTilePositions) {
      add_tile(tile, end);
    }
    for (std::uint32_t q = first; q < num_; ++q) merge(q);
  }

  void add_tile(std::uint32_t tile, std::uint32_t end) {
    const std::uint32_t group = tile / kGroupPositions;
    const bool has_second = tile + kGroupPositions < end;
    const std::byte* keys[2] = {args_.kv.k_group(group),
                                args_.kv.k_group(has_second ? group + 1 : group)};
    const std::byte* values[2] = {args_.kv.v_group(group),
                                  args_.kv.v_group(has_second ? group + 1 : group)};
    const std::uint32_t first = first_active(tile);
    std::uint32_t q = first;
    if constexpr (S::kRowBlock >= 8) {
      for (; q + 4 <= num_; q += 4) score<4>(q, keys);
    }
    for (; q + 2 <= num_; q += 2) score<2>(q, keys);
    if (q < num_) score<1>(q, keys);
    for (q = first; q < num_; ++q) soften(q, positions_of(q) - tile);
    // A query that ends inside the tile takes just its positions; the others go together.
    for (q = first; q < num_ && positions_of(q) - tile < kTilePositions; ++q) {
      weigh_some(q, positions_of(q) - tile, values);
    }
    if constexpr (S::kRowBlock >= 8) {
      for (; q + 4 <= num_; q += 4) weigh_all<4>(q, values);
    }
    for (; q + 2 <= num_; q += 2) weigh_all<2>(q, values);
    if (q < num_) weigh_all<1>(q, values);
  }

  // Dot products of queries [q, q + Queries) with the tile's 32 keys into scores_.
  template <int Queries>
  void score(std::uint32_t q, const std::byte* const* keys) {
    F sums[Queries][2];
    for (auto& pair : sums) pair[0] = pair[1] = S::zero();
    const std::uint32_t num_steps = head_dim_ / Kv::kStep;
    for (std::uint32_t i = 0; i < num_steps; ++i) {
      const auto low = S::load_words(keys[0] + std::size_t{64} * i);
      const auto high = S::load_words(keys[1] + std::size_t{64} * i);
#pragma GCC unroll 4
      for (int n = 0; n < Queries; ++n) {
        const auto x = S::splat_word(queries_[q + static_cast<unsigned>(n)][i]);
        sums[n][0] = Kv::step(sums[n][0], low, x);
        sums[n][1] = Kv::step(sums[n][1], high, x);
      }
    }
    for (int n = 0; n < Queries; ++n) {
      S::store(scores_[q + static_cast<unsigned>(n)], sums[n][0]);
      S::store(scores_[q + static_cast<unsigned>(n)] + 16, sums[n][1]);
    }
  }

  // Scores to probabilities relative to the running maximum; rescales the segment's state.
  // `visible` counts the positions from the start of the tile that the query sees.
  void soften(std::uint32_t q, std::uint32_t visible) {
    const F scale = S::splat(args_.scale);
    const F hidden = S::splat(kMinusInfinity);
    F low = S::mul(S::load(scores_[q]), scale);
    F high = S::mul(S::load(scores_[q] + 16), scale);
    if (visible < 16) low = S::select_first(visible, low, hidden);
    if (visible < 32) high = S::select_first(visible < 16 ? 0 : visible - 16, high, hidden);
    const float tile_maximum = S::reduce_max(S::max(low, high));
    const float before = segment_.maximum[q];
    const float maximum = tile_maximum > before ? tile_maximum : before;
    const F shift = S::splat(maximum);
    low = Kv::round(exp<S>(S::sub(low, shift)));
    high = Kv::round(exp<S>(S::sub(high, shift)));
    Kv::put(probabilities_[q], 0, low);
    Kv::put(probabilities_[q], 16, high);
    const F factor = exp<S>(S::splat(before - maximum));
    const float tile_sum = S::reduce_add(S::add(low, high));
    segment_.maximum[q] = maximum;
    segment_.sum[q] = __builtin_fmaf(segment_.sum[q], first_lane(factor), tile_sum);
    for (std::uint32_t d = 0; d < padded_dim_; d += 16) {
      float* place = segment_.values[q] + d;
      S::store(place, S::mul(S::load(place), factor));
    }
  }

  // Adds p v over all 32 positions for queries [q, q + Queries).
  template <int Queries>
  void weigh_all(std::uint32_t q, const std::byte* const* values) {
    std::uint32_t d = 0;
    if constexpr (S::kRowBlock >= 8) {
      for (; d + 64 <= padded_dim_; d += 64) weigh_vectors<Queries, 4>(q, d, values);
    }
    for (; d < padded_dim_; d += 16) weigh_vectors<Queries, 1>(q, d, values);
  }

  template <int Queries, int Vectors>
  [[gnu::always_inline]] inline void weigh_vectors(std::uint32_t q, std::uint32_t d,
                                                   const std::byte* const* values) {
    F sums[Queries][Vectors];
    for (int n = 0; n < Queries; ++n) {
      for (int v = 0; v < Vectors; ++v) {
        sums[n][v] = S::load(segment_.values[q + static_cast<unsigned>(n)] + d + 16 * v);
      }
    }
    constexpr std::uint32_t kGroupSteps = kGroupPositions / Kv::kStep;
    for (std::uint32_t group = 0; group < 2; ++group) {
      const std::byte* row = values[group] + std::size_t{4} * d;
      for (std::uint32_t i = 0; i < kGroupSteps; ++i, row += std::size_t{4} * padded_dim_) {
        typename S::I v[Vectors];
#pragma GCC unroll 4
        for (int j = 0; j < Vectors; ++j) v[j] = S::load_words(row + 64 * j);
#pragma GCC unroll 4
        for (int n = 0; n < Queries; ++n) {
          const auto p =
              S::splat_word(probabilities_[q + static_cast<unsigned>(n)][group * kGroupSteps + i]);
#pragma GCC unroll 4
          for (int j = 0; j < Vectors; ++j) sums[n][j] = Kv::step(sums[n][j], v[j], p);
        }
      }
    }
    for (int n = 0; n < Queries; ++n) {
      for (int v = 0; v < Vectors; ++v) {
        S::store(segment_.values[q + static_cast<unsigned>(n)] + d + 16 * v, sums[n][v]);
      }
    }
  }

  // Adds p v over the first `count` positions, fewer than a tile.
  void weigh_some(std::uint32_t q, std::uint32_t count, const std::byte* const* values) {
    constexpr std::uint32_t kGroupSteps = kGroupPositions / Kv::kStep;
    const std::uint32_t whole_steps = count / Kv::kStep;
    const auto lower_half = S::splat_word(0xFFFFU);
    for (std::uint32_t d = 0; d < padded_dim_; d += 16) {
      const auto load = [&](std::uint32_t step) {
        return S::load_words(values[step / kGroupSteps] +
                             std::size_t{4} * ((step % kGroupSteps) * padded_dim_ + d));
      };
      F sum = S::load(segment_.values[q] + d);
      for (std::uint32_t step = 0; step < whole_steps; ++step) {
        sum = Kv::step(sum, load(step), S::splat_word(probabilities_[q][step]));
      }
      if (count % Kv::kStep != 0) {
        // The second position of the pair is not this query's: its bytes may be anything.
        sum = Kv::step(sum, S::and_words(load(whole_steps), lower_half),
                       S::splat_word(probabilities_[q][whole_steps]));
      }
      S::store(segment_.values[q] + d, sum);
    }
  }

  void merge(std::uint32_t q) {
    const float before = total_.maximum[q];
    const float added = segment_.maximum[q];
    const float maximum = added > before ? added : before;
    const F old_factor = exp<S>(S::splat(before - maximum));
    const F new_factor = exp<S>(S::splat(added - maximum));
    total_.maximum[q] = maximum;
    total_.sum[q] = __builtin_fmaf(total_.sum[q], first_lane(old_factor),
                                   segment_.sum[q] * first_lane(new_factor));
    for (std::uint32_t d = 0; d < padded_dim_; d += 16) {
      const F contribution = S::mul(S::load(segment_.values[q] + d), new_factor);
      S::store(total_.values[q] + d,
               S::fma(S::load(total_.values[q] + d), old_factor, contribution));
    }
  }

  void write_results() {
    for (std::uint32_t q = 0; q < num_; ++q) {
      const F inverse = S::splat(1.0F / total_.sum[q]);
      for (std::uint32_t d = 0; d < head_dim_; d += 16) {
        store_activation<S>(args_.out_type, args_.queries.data()[q].out, d, head_dim_ - d,
                            S::mul(S::load(total_.values[q] + d), inverse));
      }
    }
  }

  static float first_lane(F v) {
    float lanes[16];
    S::store(lanes, v);
    return lanes[0];
  }

  const AttentionArgs& args_;
  const std::uint32_t num_;
  const std::uint32_t head_dim_;
  const std::uint32_t padded_dim_;
  State total_;
  State segment_;
  alignas(64) std::uint32_t queries_[kMaxQueries][kMaxHeadDim];
  alignas(64) float scores_[kMaxQueries][kTilePositions];
  alignas(64) std::uint32_t probabilities_[kMaxQueries][kTilePositions];
};

}  // namespace penstock::kernels
