#include "bench/cuda/timed_graph.h"

#include <algorithm>
#include <array>

#include "device/cuda/cuda_error.h"
#include "device/cuda/graph.h"

namespace penstock::gpu_bench {

using device::cuda::Event;
using device::cuda::Graph;

Result<Timing> time_in_graph(const device::cuda::Stream& stream, int count,
                             const std::function<cudaError_t(int)>& launch) {
  // Outside a capture first: loading a kernel's code is not something to record.
  RETURN_IF_ERROR(device::cuda::check_cuda(launch(0), "launch"));
  RETURN_IF_ERROR(stream.synchronize());
  ASSIGN_OR_RETURN(const Graph graph, Graph::capture(stream, [&]() -> Status {
                     for (int i = 0; i < count; ++i) {
                       RETURN_IF_ERROR(device::cuda::check_cuda(launch(i), "launch"));
                     }
                     return {};
                   }));
  ASSIGN_OR_RETURN(const Event start, Event::create());
  ASSIGN_OR_RETURN(const Event end, Event::create());
  for (int i = 0; i < 2; ++i) RETURN_IF_ERROR(graph.launch(stream));
  RETURN_IF_ERROR(stream.synchronize());

  std::array<double, kNumReplays> us{};
  for (double& time : us) {
    RETURN_IF_ERROR(start.record(stream));
    RETURN_IF_ERROR(graph.launch(stream));
    RETURN_IF_ERROR(end.record(stream));
    RETURN_IF_ERROR(end.synchronize());
    ASSIGN_OR_RETURN(const float milliseconds, start.milliseconds_to(end));
    time = static_cast<double>(milliseconds) * 1000.0 / count;
  }
  std::ranges::sort(us);
  return Timing{.median_us = us[kNumReplays / 2], .min_us = us.front(), .max_us = us.back()};
}

}  // namespace penstock::gpu_bench
