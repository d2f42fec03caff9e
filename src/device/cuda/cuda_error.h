// CUDA runtime calls as Result: every call's code is looked at where it is made.
//
//   RETURN_IF_ERROR(check_cuda(cudaEventRecord(event, stream), "cudaEventRecord"));
//
// The message names the call, CUDA's own name of the code and its text. Threading: values.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

#include "base/result.h"

namespace penstock::device::cuda {

// cudaSuccess is success; out of memory is kResourceExhausted, no device or driver is kUnavailable,
// everything else kInternal: after it the context may be lost, and the worker is not ready.
[[nodiscard]] Status check_cuda(cudaError_t code, std::string_view call);

}  // namespace penstock::device::cuda
