// Time of one launch inside a CUDA graph of many: median, fastest and slowest of several replays.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "base/result.h"
#include "device/cuda/stream.h"

namespace penstock::gpu_bench {

struct Timing {
  double median_us = 0.0;
  double min_us = 0.0;
  double max_us = 0.0;
};

// Runs launch(0) once, then captures launch(0) .. launch(count - 1) and replays them: twice to warm
// up, then kNumReplays times, each timed by events on the stream. Times are per launch.
inline constexpr int kNumReplays = 7;
[[nodiscard]] Result<Timing> time_in_graph(const device::cuda::Stream& stream, int count,
                                           const std::function<cudaError_t(int)>& launch);

}  // namespace penstock::gpu_bench
