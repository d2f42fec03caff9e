// What the card can do, measured with nothing else in the way, and data to measure on.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace penstock::gpu_bench {

// Reads `num_vectors` 16-byte vectors once. `sink` gets a word in a case that does not happen.
[[nodiscard]] cudaError_t launch_read(const std::byte* from, std::size_t num_vectors,
                                      std::uint32_t* sink, int num_blocks, cudaStream_t stream);

// One block of one warp that does nothing.
[[nodiscard]] cudaError_t launch_nothing(cudaStream_t stream);

// bf16 values of either sign, magnitudes in [0.5, 1): random bits, no zeros, nothing infinite.
[[nodiscard]] cudaError_t launch_fill(std::byte* to, std::size_t num_vectors, int num_blocks,
                                      cudaStream_t stream);

}  // namespace penstock::gpu_bench
