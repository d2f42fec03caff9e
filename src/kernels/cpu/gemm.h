// Matrix product of packed weights and rows of activations.
//
// For one or two panels and 256 k at a time, the weights are unpacked into a tile in the first
// cache; each row then multiplies that tile with the sums of a few rows x 2 panels in registers.
//
// The arithmetic of one (row, output), whatever the blocking: within each segment of 64 k a sum
// starts at 0 and takes one step after the other (f32: one fused multiply-add per k; bf16: per pair
// of k, dot_pairs); the segments' sums are added to a total, which starts at 0, in ascending order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/kernels.h"
#include "kernels/cpu/unpack.h"

namespace penstock::kernels {

// What one step of a sum is. A step reads 64 bytes of tile and 4 bytes of a row.
template <class S>
struct F32Steps {
  static constexpr std::uint32_t kInputs = 1;  // k per step
  [[gnu::always_inline]] static inline typename S::F step(typename S::F sum, typename S::I w,
                                                          typename S::I x) {
    return S::fma(S::from_bits(w), S::from_bits(x), sum);
  }
  [[gnu::always_inline]] static inline void put(std::byte* tile, std::uint32_t pair,
                                                typename S::F even, typename S::F odd) {
    S::store_words(tile + std::size_t{128} * pair, S::bits(even));
    S::store_words(tile + std::size_t{128} * pair + 64, S::bits(odd));
  }
};

template <class S>
struct BF16Steps {
  static constexpr std::uint32_t kInputs = 2;
  [[gnu::always_inline]] static inline typename S::F step(typename S::F sum, typename S::I w,
                                                          typename S::I x) {
    return S::dot_pairs(sum, w, x);
  }
  [[gnu::always_inline]] static inline void put(std::byte* tile, std::uint32_t pair,
                                                typename S::F even, typename S::F odd) {
    S::store_words(tile + std::size_t{64} * pair, S::pack_pairs(even, odd));
  }
};

template <class S, class Steps>
class Gemm {
 public:
  [[gnu::always_inline]] static inline void run(const GemmArgs& args) {
    alignas(64) std::byte tiles[kMaxPanels][kTileBytes];
    alignas(64) float totals[kMaxRows * kMaxPanels * kPanelOutputs];
    for (std::uint32_t row = 0; row < args.num_rows; row += kMaxRows) {
      const std::uint32_t rows = smaller(args.num_rows - row, kMaxRows);
      std::uint32_t done = 0;
      for (; done + 2 <= args.num_panels; done += 2) {
        run_panels<2>(args, args.first_panel + done, row, rows, tiles, totals);
      }
      if (done < args.num_panels) {
        run_panels<1>(args, args.first_panel + done, row, rows, tiles, totals);
      }
    }
  }

 private:
  static constexpr std::uint32_t kMaxPanels = 2;
  static constexpr std::uint32_t kTileInputs = 256;
  static constexpr std::size_t kTileBytes = std::size_t{64} * kTileInputs / Steps::kInputs;
  static constexpr std::uint32_t kSegmentSteps = kSegmentInputs / Steps::kInputs;
  static constexpr std::uint32_t kMaxRows = 128;  // that share one unpacking of a tile

  struct Chunk {
    const std::byte* tiles[kMaxPanels];
    std::uint32_t num_steps;
    const std::uint32_t* x;  // of the first row, at the chunk's first k
    std::size_t x_stride;    // in words
    float* totals;           // [rows][panels][16]
  };

  static constexpr std::uint32_t smaller(std::uint32_t a, std::uint32_t b) { return a < b ? a : b; }

  template <int Panels>
  [[gnu::always_inline]] static inline void run_panels(const GemmArgs& args, std::uint32_t panel,
                                                       std::uint32_t row, std::uint32_t rows,
                                                       std::byte (*tiles)[kTileBytes],
                                                       float* totals) {
    const PackedMatrix& weights = args.weights;
    const std::size_t stride = args.x_stride / Steps::kInputs;
    const auto* x = static_cast<const std::uint32_t*>(args.x) + row * stride;
    const std::size_t panel_bytes = weights.panel_bytes();
    for (std::size_t i = 0; i < std::size_t{rows} * Panels * kPanelOutputs; ++i) totals[i] = 0.0F;
    for (std::uint32_t k = 0; k < weights.num_inputs; k += kTileInputs) {
      const std::uint32_t count = smaller(weights.num_inputs - k, kTileInputs);
      Chunk chunk{{},
                  (count + Steps::kInputs - 1) / Steps::kInputs,
                  x + k / Steps::kInputs,
                  stride,
                  totals};
      for (int p = 0; p < Panels; ++p) {
        const std::byte* bytes = weights.panels + (panel + static_cast<unsigned>(p)) * panel_bytes;
        prefetch(weights, bytes + Panels * panel_bytes, k, count);
        chunk.tiles[p] = fill_tile(weights, bytes, k, count, tiles[p]);
      }
      multiply_rows<Panels>(chunk, rows);
    }
    for (int p = 0; p < Panels; ++p) {
      write_outputs(args, panel + static_cast<unsigned>(p), row, rows,
                    totals + p * static_cast<int>(kPanelOutputs), Panels);
    }
  }

  // Panels are short runs, often less than two pages, at which the processor's own prefetching
  // keeps starting anew. Asks for the codes that are wanted when the next panels come to the same
  // k.
  [[gnu::always_inline]] static inline void prefetch(const PackedMatrix& weights,
                                                     const std::byte* panel, std::uint32_t first,
                                                     std::uint32_t count) {
    const PanelBlock layout = panel_block(weights.type);
    const std::byte* codes = panel + std::size_t{first} / layout.values * layout.code_bytes;
    const std::size_t size = std::size_t{count} / layout.values * layout.code_bytes;
    for (std::size_t i = 0; i < size; i += 64) __builtin_prefetch(codes + i, 0, 2);
  }

  // Weights that are bf16 already are multiplied where they are.
  static const std::byte* fill_tile(const PackedMatrix& weights, const std::byte* panel,
                                    std::uint32_t first, std::uint32_t count, std::byte* tile) {
    if (Steps::kInputs == 2 && weights.type == WeightType::kBF16) {
      return panel + std::size_t{64} * (first / 2);
    }
    unpack<S>(weights, panel, first, count,
              [tile](std::uint32_t pair, auto even, auto odd)
                  __attribute__((always_inline)) { Steps::put(tile, pair, even, odd); });
    return tile;
  }

  template <int Panels>
  [[gnu::always_inline]] static inline void multiply_rows(Chunk chunk, std::uint32_t rows) {
    const auto advance = [&chunk, &rows](std::uint32_t by) {
      chunk.x += by * chunk.x_stride;
      chunk.totals += std::size_t{by} * Panels * kPanelOutputs;
      rows -= by;
    };
    if constexpr (S::kRowBlock >= 8) {
      while (rows >= 8) {
        multiply_block<8, Panels, 1>(chunk);
        advance(8);
      }
      if (rows >= 4) {
        multiply_block<4, Panels, 1>(chunk);
        advance(4);
      }
    }
    while (rows >= 2) {
      multiply_block<2, Panels, 2>(chunk);
      advance(2);
    }
    if (rows == 1) multiply_block<1, Panels, 4>(chunk);
  }

  // Rows x Panels x Segments sums in registers; several segments at a time hide the latency of the
  // steps when there are few rows.
  template <int Rows, int Panels, int Segments>
  static void multiply_block(const Chunk& chunk) {
    std::uint32_t step = 0;
    constexpr auto kTogether = static_cast<std::uint32_t>(Segments) * kSegmentSteps;
    for (; step + kTogether <= chunk.num_steps; step += kTogether) {
      multiply_segments<Rows, Panels, Segments>(chunk, step, kSegmentSteps);
    }
    for (; step < chunk.num_steps; step += kSegmentSteps) {
      multiply_segments<Rows, Panels, 1>(chunk, step,
                                         smaller(chunk.num_steps - step, kSegmentSteps));
    }
  }

  template <int Rows, int Panels, int Segments>
  [[gnu::always_inline]] static inline void multiply_segments(const Chunk& chunk,
                                                              std::uint32_t first_step,
                                                              std::uint32_t num_steps) {
    typename S::F sums[Segments][Rows][Panels];
    for (auto& segment : sums) {
      for (auto& row : segment) {
        for (auto& sum : row) sum = S::zero();
      }
    }
    for (std::uint32_t i = first_step; i < first_step + num_steps; ++i) {
#pragma GCC unroll 4
      for (int s = 0; s < Segments; ++s) {
        const std::size_t step = i + static_cast<std::size_t>(s) * kSegmentSteps;
        typename S::I w[Panels];
#pragma GCC unroll 2
        for (int p = 0; p < Panels; ++p) w[p] = S::load_words(chunk.tiles[p] + 64 * step);
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
          const auto x =
              S::splat_word(chunk.x[static_cast<std::size_t>(r) * chunk.x_stride + step]);
#pragma GCC unroll 2
          for (int p = 0; p < Panels; ++p) sums[s][r][p] = Steps::step(sums[s][r][p], w[p], x);
        }
      }
    }
#pragma GCC unroll 4
    for (int s = 0; s < Segments; ++s) {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
        for (int p = 0; p < Panels; ++p) {
          float* total = chunk.totals + (r * Panels + p) * static_cast<int>(kPanelOutputs);
          S::store(total, S::add(S::load(total), sums[s][r][p]));
        }
      }
    }
  }

  static void write_outputs(const GemmArgs& args, std::uint32_t panel, std::uint32_t row,
                            std::uint32_t rows, const float* totals, int panels_in_totals) {
    const std::uint32_t first = panel * kPanelOutputs;
    const std::uint32_t count = smaller(args.weights.num_outputs - first, kPanelOutputs);
    for (std::uint32_t r = 0; r < rows; ++r) {
      const float* total =
          totals + std::size_t{r} * static_cast<unsigned>(panels_in_totals) * kPanelOutputs;
      float* y = args.y + (std::size_t{row} + r) * args.y_stride + first;
      if (count == kPanelOutputs) {
        const auto sum = S::load(total);
        S::store(y, args.accumulate ? S::add(S::load(y), sum) : sum);
      } else {
        for (std::uint32_t n = 0; n < count; ++n) {
          y[n] = args.accumulate ? y[n] + total[n] : total[n];
        }
      }
    }
  }
};

}  // namespace penstock::kernels
