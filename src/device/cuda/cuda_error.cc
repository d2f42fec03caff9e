#include "device/cuda/cuda_error.h"

namespace penstock::device::cuda {
namespace {

ErrorCode error_code(cudaError_t code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
      return ErrorCode::kResourceExhausted;
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemNotReady:
    case cudaErrorDevicesUnavailable:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

Status check_cuda(cudaError_t code, std::string_view call) {
  if (code == cudaSuccess) return {};
  return make_error(error_code(code), "{}: {} ({})", call, cudaGetErrorName(code),
                    cudaGetErrorString(code));
}

}  // namespace penstock::device::cuda
