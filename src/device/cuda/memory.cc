#include "device/cuda/memory.h"

#include "device/cuda/cuda_error.h"

namespace penstock::device::cuda {

Result<DeviceBuffer> DeviceBuffer::allocate(std::size_t num_bytes) {
  DeviceBuffer buffer;
  if (num_bytes == 0) return buffer;
  void* bytes = nullptr;
  const cudaError_t code = cudaMalloc(&bytes, num_bytes);
  if (code == cudaErrorMemoryAllocation) {
    // The refusal stays behind as "the last error"; the next launch must not inherit it.
    static_cast<void>(cudaGetLastError());
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    RETURN_IF_ERROR(check_cuda(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo"));
    return make_error(ErrorCode::kResourceExhausted,
                      "cudaMalloc: {} bytes asked for, {} of {} free on the device", num_bytes,
                      free_bytes, total_bytes);
  }
  RETURN_IF_ERROR(check_cuda(code, "cudaMalloc"));
  buffer.handle_ = Handle<std::byte*, free_bytes>(static_cast<std::byte*>(bytes));
  buffer.size_ = num_bytes;
  return buffer;
}

Result<PinnedBuffer> PinnedBuffer::allocate(std::size_t num_bytes) {
  PinnedBuffer buffer;
  if (num_bytes == 0) return buffer;
  void* bytes = nullptr;
  RETURN_IF_ERROR(check_cuda(cudaMallocHost(&bytes, num_bytes), "cudaMallocHost"));
  buffer.handle_ = Handle<std::byte*, free_bytes>(static_cast<std::byte*>(bytes));
  buffer.size_ = num_bytes;
  return buffer;
}

Result<DeviceArena> DeviceArena::create(std::size_t num_bytes) {
  DeviceArena arena;
  ASSIGN_OR_RETURN(arena.buffer_, DeviceBuffer::allocate(num_bytes));
  return arena;
}

Result<std::byte*> DeviceArena::take_bytes(std::size_t num_bytes) {
  if (num_bytes > num_free_bytes()) return too_large(num_bytes);
  std::byte* bytes = buffer_.data() + used_;
  const std::size_t rounded = (num_bytes + kAlignment - 1) / kAlignment * kAlignment;
  used_ = rounded > num_free_bytes() ? buffer_.size() : used_ + rounded;
  return bytes;
}

std::unexpected<Error> DeviceArena::too_large(std::size_t size) const {
  return make_error(ErrorCode::kResourceExhausted,
                    "device arena: {} asked for, {} of {} bytes are left", size, num_free_bytes(),
                    buffer_.size());
}

Status copy_to_device(std::byte* to, std::span<const std::byte> from, const Stream& stream) {
  return check_cuda(
      cudaMemcpyAsync(to, from.data(), from.size(), cudaMemcpyHostToDevice, stream.get()),
      "cudaMemcpyAsync to the device");
}

Status copy_to_host(std::span<std::byte> to, const std::byte* from, const Stream& stream) {
  return check_cuda(
      cudaMemcpyAsync(to.data(), from, to.size(), cudaMemcpyDeviceToHost, stream.get()),
      "cudaMemcpyAsync to the host");
}

}  // namespace penstock::device::cuda
