// Random weights of a given shape, for machines that have the card and not the files: value i is
// offset + uniform in (-scale, scale), rounded to bf16, a function of (seed, i) alone.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

namespace penstock::kernels::cuda {

struct RandomValuesArgs {
  std::uint16_t* to;  // bf16, device memory
  std::size_t count;  // even
  std::uint64_t seed;
  float offset;
  float scale;
};
// Launches one kernel on `stream`, does not wait.
[[nodiscard]] cudaError_t launch_random_values(const RandomValuesArgs& args, cudaStream_t stream);

}  // namespace penstock::kernels::cuda
