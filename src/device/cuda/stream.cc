#include "device/cuda/stream.h"

#include "device/cuda/cuda_error.h"

namespace penstock::device::cuda {

Result<DeviceInfo> select_device(int ordinal) {
  int num_devices = 0;
  RETURN_IF_ERROR(check_cuda(cudaGetDeviceCount(&num_devices), "cudaGetDeviceCount"));
  if (ordinal < 0 || ordinal >= num_devices) {
    return make_error(ErrorCode::kUnavailable, "CUDA device {} of {}: there is none", ordinal,
                      num_devices);
  }
  RETURN_IF_ERROR(check_cuda(cudaSetDevice(ordinal), "cudaSetDevice"));
  cudaDeviceProp properties{};
  RETURN_IF_ERROR(
      check_cuda(cudaGetDeviceProperties(&properties, ordinal), "cudaGetDeviceProperties"));
  DeviceInfo info{.name = properties.name,
                  .compute_capability = (properties.major * 10) + properties.minor,
                  .num_multiprocessors = properties.multiProcessorCount,
                  .l2_bytes = static_cast<std::size_t>(properties.l2CacheSize),
                  .free_bytes = 0,
                  .total_bytes = 0};
  RETURN_IF_ERROR(
      check_cuda(cudaMemGetInfo(&info.free_bytes, &info.total_bytes), "cudaMemGetInfo"));
  return info;
}

Result<Stream> Stream::create() {
  cudaStream_t raw = nullptr;
  RETURN_IF_ERROR(check_cuda(cudaStreamCreateWithFlags(&raw, cudaStreamNonBlocking),
                             "cudaStreamCreateWithFlags"));
  Stream stream;
  stream.handle_ = Handle<cudaStream_t, cudaStreamDestroy>(raw);
  return stream;
}

Status Stream::synchronize() const {
  return check_cuda(cudaStreamSynchronize(get()), "cudaStreamSynchronize");
}

Result<Event> Event::create() {
  cudaEvent_t raw = nullptr;
  RETURN_IF_ERROR(check_cuda(cudaEventCreate(&raw), "cudaEventCreate"));
  Event event;
  event.handle_ = Handle<cudaEvent_t, cudaEventDestroy>(raw);
  return event;
}

Status Event::record(const Stream& stream) const {
  return check_cuda(cudaEventRecord(get(), stream.get()), "cudaEventRecord");
}

Status Event::synchronize() const {
  return check_cuda(cudaEventSynchronize(get()), "cudaEventSynchronize");
}

Result<bool> Event::is_done() const {
  const cudaError_t code = cudaEventQuery(get());
  if (code == cudaErrorNotReady) return false;
  RETURN_IF_ERROR(check_cuda(code, "cudaEventQuery"));
  return true;
}

Result<float> Event::milliseconds_to(const Event& end) const {
  float milliseconds = 0.0F;
  RETURN_IF_ERROR(
      check_cuda(cudaEventElapsedTime(&milliseconds, get(), end.get()), "cudaEventElapsedTime"));
  return milliseconds;
}

}  // namespace penstock::device::cuda
