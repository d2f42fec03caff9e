// Device memory, pinned host memory and the arena that one engine carves its device memory from.
//
// Ownership: move-only; views handed out by an arena live as long as it. Threading: the bytes are
// the caller's. Sizes are bytes. Nothing here is zeroed.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "device/cuda/stream.h"

namespace penstock::device::cuda {

class DeviceBuffer final {
 public:
  DeviceBuffer() = default;
  // kResourceExhausted names the size asked for and what was free. Zero bytes is an empty buffer.
  [[nodiscard]] static Result<DeviceBuffer> allocate(std::size_t num_bytes);

  [[nodiscard]] std::byte* data() const noexcept { return handle_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return handle_.get() == nullptr ? 0 : size_; }

 private:
  static cudaError_t free_bytes(std::byte* bytes) { return cudaFree(bytes); }

  Handle<std::byte*, free_bytes> handle_;
  std::size_t size_ = 0;
};

class PinnedBuffer final {
 public:
  PinnedBuffer() = default;
  [[nodiscard]] static Result<PinnedBuffer> allocate(std::size_t num_bytes);

  [[nodiscard]] std::byte* data() const noexcept { return handle_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return handle_.get() == nullptr ? 0 : size_; }

 private:
  static cudaError_t free_bytes(std::byte* bytes) { return cudaFreeHost(bytes); }

  Handle<std::byte*, free_bytes> handle_;
  std::size_t size_ = 0;
};

// One device allocation, handed out front to back, 256-byte aligned; all of it returns at once.
class DeviceArena final {
 public:
  static constexpr std::size_t kAlignment = 256;

  DeviceArena() = default;
  [[nodiscard]] static Result<DeviceArena> create(std::size_t num_bytes);

  // kResourceExhausted names the size asked for and what is left. Contents are unspecified.
  template <class T>
  [[nodiscard]] Result<T*> take(std::size_t count) {
    if (count > SIZE_MAX / sizeof(T)) return too_large(count);
    ASSIGN_OR_RETURN(std::byte * bytes, take_bytes(count * sizeof(T)));
    return reinterpret_cast<T*>(bytes);
  }
  [[nodiscard]] Result<std::byte*> take_bytes(std::size_t num_bytes);
  [[nodiscard]] std::size_t num_free_bytes() const noexcept { return buffer_.size() - used_; }
  // Everything taken is invalid after this.
  void reset() noexcept { used_ = 0; }

 private:
  [[nodiscard]] std::unexpected<Error> too_large(std::size_t size) const;

  DeviceBuffer buffer_;
  std::size_t used_ = 0;
};

// Copies queued on the stream. The host side of either must stay until the stream has passed it.
[[nodiscard]] Status copy_to_device(std::byte* to, std::span<const std::byte> from,
                                    const Stream& stream);
[[nodiscard]] Status copy_to_host(std::span<std::byte> to, const std::byte* from,
                                  const Stream& stream);

}  // namespace penstock::device::cuda
