// Host memory for weights, scratch and KV pools: zeroed, aligned, fit for huge pages.
//
// Buffers of 2 MiB and more are mapped at a 2 MiB boundary and the system is asked for huge pages;
// pages appear at first touch. Ownership: movable handle. Threading: the bytes are the caller's.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"

namespace penstock::device {

class HostBuffer final {
 public:
  static constexpr std::size_t kAlignment = 64;

  HostBuffer() = default;
  // kResourceExhausted names the size asked for. Zero bytes is an empty buffer.
  [[nodiscard]] static Result<HostBuffer> allocate(std::size_t num_bytes);
  ~HostBuffer();
  HostBuffer(HostBuffer&& other) noexcept;
  HostBuffer& operator=(HostBuffer&& other) noexcept;

  [[nodiscard]] std::byte* data() noexcept { return bytes_.data(); }
  [[nodiscard]] const std::byte* data() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return bytes_; }
  // The buffer as an array of T, as many as fit.
  template <class T>
  [[nodiscard]] T* as() noexcept {
    static_assert(alignof(T) <= kAlignment);
    return reinterpret_cast<T*>(bytes_.data());
  }

 private:
  void release() noexcept;

  std::span<std::byte> bytes_;
  std::span<std::byte> mapping_;  // what munmap gets; empty for small buffers
};

}  // namespace penstock::device
