// A CUDA graph captured from a stream, ready to launch.
//
//   ASSIGN_OR_RETURN(auto graph, Graph::capture(stream, [&]() -> Status { ...launches... }));
//   RETURN_IF_ERROR(graph.launch(stream));
//
// The pointers of the captured launches are fixed: what varies lives in device buffers. Threading:
// capture and launch belong to the stream's thread; other threads may not make calls that a
// capture forbids (cudaMalloc among them) on this thread's behalf.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>

#include "base/result.h"
#include "device/cuda/stream.h"

namespace penstock::device::cuda {

class Graph final {
 public:
  // Runs `record` once, its launches recorded instead of run. Its error ends the capture.
  [[nodiscard]] static Result<Graph> capture(const Stream& stream,
                                             const std::function<Status()>& record);
  [[nodiscard]] Status launch(const Stream& stream) const;

 private:
  Handle<cudaGraphExec_t, cudaGraphExecDestroy> executable_;
};

}  // namespace penstock::device::cuda
