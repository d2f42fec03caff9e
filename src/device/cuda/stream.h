// Streams and events as move-only handles, and the device they live on.
//
// Threading: a handle belongs to one thread at a time; work on different streams runs together.
// Destroying a handle does not wait for the work queued on it; CUDA keeps it until that is done.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <utility>

#include "base/result.h"

namespace penstock::device::cuda {

struct DeviceInfo {
  std::string name;
  int compute_capability;  // 90 is 9.0
  int num_multiprocessors;
  std::size_t l2_bytes;
  std::size_t free_bytes;  // when asked
  std::size_t total_bytes;
};

// Makes `ordinal` the calling thread's device. kUnavailable when there is none.
[[nodiscard]] Result<DeviceInfo> select_device(int ordinal);

// Owns one runtime object; `destroy` gets it when the handle dies.
template <class T, cudaError_t (*destroy)(T)>
class [[nodiscard]] Handle final {
 public:
  Handle() = default;
  explicit Handle(T value) noexcept : value_(value) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      value_ = std::exchange(other.value_, nullptr);
    }
    return *this;
  }

  [[nodiscard]] T get() const noexcept { return value_; }

 private:
  // A failing destructor call repeats an error that a checked call reports, or the process ends.
  void reset() noexcept {
    if (value_ != nullptr) static_cast<void>(destroy(std::exchange(value_, nullptr)));
  }

  T value_ = nullptr;
};

class Stream final {
 public:
  // Does not synchronise with the legacy default stream.
  [[nodiscard]] static Result<Stream> create();

  [[nodiscard]] cudaStream_t get() const noexcept { return handle_.get(); }
  // Waits for everything queued and reports the first failure of it, kernels included.
  [[nodiscard]] Status synchronize() const;

 private:
  Handle<cudaStream_t, cudaStreamDestroy> handle_;
};

class Event final {
 public:
  [[nodiscard]] static Result<Event> create();

  [[nodiscard]] cudaEvent_t get() const noexcept { return handle_.get(); }
  [[nodiscard]] Status record(const Stream& stream) const;
  [[nodiscard]] Status synchronize() const;
  // True when the work before the last record() is done; an error when it failed.
  [[nodiscard]] Result<bool> is_done() const;
  // From this event to `end`; both must be done.
  [[nodiscard]] Result<float> milliseconds_to(const Event& end) const;

 private:
  Handle<cudaEvent_t, cudaEventDestroy> handle_;
};

}  // namespace penstock::device::cuda
