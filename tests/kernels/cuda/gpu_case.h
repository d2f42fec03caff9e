// What every GPU case shares: the device with one arena, seeded inputs, poisoned outputs, and a
// report that prints one line per case.
//
// A case uploads its inputs, launches, downloads and compares; the arena is emptied between cases.
// Threading: one thread.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "device/cuda/cuda_error.h"
#include "device/cuda/memory.h"
#include "device/cuda/stream.h"
#include "kernels/half.h"

namespace penstock::gpu_test {

struct Gpu {
  device::cuda::DeviceInfo info;
  device::cuda::Stream stream;
  device::cuda::DeviceArena arena;

  // bf16 output bytes that no kernel wrote read as NaN, and NaN fails every comparison.
  static constexpr std::uint8_t kPoison = 0xFF;

  template <class T>
  [[nodiscard]] Result<T*> upload(std::span<const T> values) {
    ASSIGN_OR_RETURN(T * at, arena.take<T>(values.size()));
    RETURN_IF_ERROR(device::cuda::copy_to_device(reinterpret_cast<std::byte*>(at),
                                                 std::as_bytes(values), stream));
    RETURN_IF_ERROR(stream.synchronize());
    return at;
  }
  template <class T>
  [[nodiscard]] Result<T*> upload(const std::vector<T>& values) {
    return upload(std::span<const T>(values));
  }
  template <class T>
  [[nodiscard]] Result<T*> poisoned(std::size_t count) {
    ASSIGN_OR_RETURN(T * at, arena.take<T>(count));
    RETURN_IF_ERROR(device::cuda::check_cuda(
        cudaMemsetAsync(at, kPoison, count * sizeof(T), stream.get()), "cudaMemsetAsync"));
    return at;
  }
  // Waits for the stream; a kernel that failed is reported here.
  template <class T>
  [[nodiscard]] Result<std::vector<T>> download(const T* at, std::size_t count) {
    std::vector<T> values(count);
    RETURN_IF_ERROR(device::cuda::copy_to_host(std::as_writable_bytes(std::span<T>(values)),
                                               reinterpret_cast<const std::byte*>(at), stream));
    RETURN_IF_ERROR(stream.synchronize());
    return values;
  }
};

// Uniform in [-scale, scale], rounded to bf16; the same for the same seed everywhere.
[[nodiscard]] std::vector<std::uint16_t> random_bf16(std::size_t count, std::uint64_t seed,
                                                     float scale);
[[nodiscard]] std::vector<float> to_floats(std::span<const std::uint16_t> bf16);

class Report final {
 public:
  // Largest |got - want| / max(|want|, rms of want) against `limit`; NaN fails.
  void compare(std::string_view name, std::span<const double> want, std::span<const float> got,
               double limit);
  void compare(std::string_view name, std::span<const double> want,
               std::span<const std::uint16_t> got, double limit) {
    compare(name, want, to_floats(got), limit);
  }
  // ||got - want|| / ||want|| against `limit`: for what many roundings went into.
  void compare_all(std::string_view name, std::span<const double> want, std::span<const float> got,
                   double limit);
  // Bit for bit.
  template <class T>
  void same(std::string_view name, std::span<const T> want, std::span<const T> got) {
    std::size_t num_different = want.size() == got.size() ? 0 : want.size();
    for (std::size_t i = 0; i < want.size() && i < got.size(); ++i) {
      num_different += want[i] == got[i] ? 0 : 1;
    }
    count_differences(name, num_different, want.size());
  }
  template <class T>
  void same(std::string_view name, const std::vector<T>& want, const std::vector<T>& got) {
    same(name, std::span<const T>(want), std::span<const T>(got));
  }
  void holds(std::string_view name, bool claim);
  // A call that must be refused with cudaErrorInvalidValue.
  void refused(std::string_view name, cudaError_t code);
  // The case could not run to its end.
  void failed(std::string_view name, const Error& error);

  [[nodiscard]] int num_cases() const noexcept { return num_cases_; }
  [[nodiscard]] int num_failures() const noexcept { return num_failures_; }

 private:
  void count_differences(std::string_view name, std::size_t num_different, std::size_t count);
  void line(std::string_view name, bool passed, const std::string& detail);

  int num_cases_ = 0;
  int num_failures_ = 0;
};

// bf16 keeps 8 bits: half a unit in the last place is 2^-9 of the value; twice that leaves room for
// values that f32 arithmetic puts on the other side of a tie.
inline constexpr double kBf16Limit = 0x1p-8;

[[nodiscard]] Status run_device_cases(Gpu& gpu, Report& report);
[[nodiscard]] Status run_product_cases(Gpu& gpu, Report& report);
[[nodiscard]] Status run_embed_argmax_cases(Gpu& gpu, Report& report);
[[nodiscard]] Status run_attention_cases(Gpu& gpu, Report& report);
[[nodiscard]] Status run_decode_attention_cases(Gpu& gpu, Report& report);
[[nodiscard]] Status run_decode_cases(Gpu& gpu, Report& report);
[[nodiscard]] Status run_rope_cases(Gpu& gpu, Report& report);
[[nodiscard]] Status run_sampling_cases(Gpu& gpu, Report& report);

}  // namespace penstock::gpu_test
