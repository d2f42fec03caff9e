// The layout in which the products read weights, and the kernel that makes it once at load.
//
// A matrix [N, K] of bf16 becomes N / 16 tiles of 16 rows, each K / 32 chunks of 1 KiB, one after
// the other. A chunk is what a warp multiplies at once, in the order its lanes load it:
//
//   [half: row g, row g + 8][lane = 4 g + t] the 8 values k = 8t .. 8t + 7 of the chunk's 32
//
// so that whatever part of a tile is wanted is one contiguous copy. Sizes do not change.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace penstock::kernels::cuda {

inline constexpr int kPanelRows = 16;
inline constexpr int kPanelChunk = 32;         // k
inline constexpr int kPanelChunkBytes = 1024;  // 16 rows of 32 bf16

// Element (row, k) of a matrix in panels; 8 neighbours from a multiple of 8 on are contiguous.
[[nodiscard]] constexpr std::size_t panel_offset(std::size_t row, std::size_t k,
                                                 std::size_t num_inputs) noexcept {
  const std::size_t chunk = ((row / kPanelRows) * (num_inputs / kPanelChunk)) + (k / kPanelChunk);
  const std::size_t half = row / 8 % 2;
  const std::size_t lane = (row % 8 * 4) + (k % kPanelChunk / 8);
  return (chunk * kPanelRows * kPanelChunk) + (half * 256) + (lane * 8) + (k % 8);
}

// Row i of `rows` becomes row first_row + i % rows_per_tile of tile i / rows_per_tile of `panels`:
// eight rows of gate and eight of up share a tile, so that who computes it has both halves of an
// output.
struct PackPanelsArgs {
  const std::uint16_t* rows;  // [num_outputs, num_inputs] bf16, row-major
  std::uint16_t* panels;
  int num_outputs;    // a multiple of rows_per_tile
  int num_inputs;     // a multiple of 32
  int rows_per_tile;  // 16, or 8
  int first_row;      // 0; with 8 rows a tile, 0 or 8
};

// Device memory, 16-byte aligned. Launches one kernel on `stream`, does not wait.
[[nodiscard]] cudaError_t launch_pack_panels(const PackPanelsArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
