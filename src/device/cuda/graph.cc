#include "device/cuda/graph.h"

#include "device/cuda/cuda_error.h"

namespace penstock::device::cuda {

Result<Graph> Graph::capture(const Stream& stream, const std::function<Status()>& record) {
  RETURN_IF_ERROR(check_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal),
                             "cudaStreamBeginCapture"));
  const Status recorded = record();
  cudaGraph_t raw = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream.get(), &raw);
  const Handle<cudaGraph_t, cudaGraphDestroy> captured(raw);
  RETURN_IF_ERROR(recorded);
  RETURN_IF_ERROR(check_cuda(ended, "cudaStreamEndCapture"));

  cudaGraphExec_t executable = nullptr;
  RETURN_IF_ERROR(
      check_cuda(cudaGraphInstantiate(&executable, captured.get(), 0), "cudaGraphInstantiate"));
  Graph graph;
  graph.executable_ = Handle<cudaGraphExec_t, cudaGraphExecDestroy>(executable);
  return graph;
}

Status Graph::launch(const Stream& stream) const {
  return check_cuda(cudaGraphLaunch(executable_.get(), stream.get()), "cudaGraphLaunch");
}

}  // namespace penstock::device::cuda
