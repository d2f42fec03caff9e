// Every CUDA kernel against its reference in double precision (kernels/ref), on a real device.
//
//   gpu_test        one line per case with its largest error; exit 0, 1 on a failure, 77 without
//   GPU
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/format.h"
#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/paged_attention.h"
#include "kernels/cuda/product.h"
#include "kernels/cuda/sampling.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {

std::vector<std::uint16_t> random_bf16(std::size_t count, std::uint64_t seed, float scale) {
  std::vector<std::uint16_t> values(count);
  std::uint64_t state = seed;
  for (std::uint16_t& value : values) {  // SplitMix64 (Steele, Lea, Flood 2014)
    state += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    z ^= z >> 31;
    const float unit = (static_cast<float>(z >> 40) * 0x1p-23F) - 1.0F;
    value = kernels::f32_to_bf16(unit * scale);
  }
  return values;
}

std::vector<float> to_floats(std::span<const std::uint16_t> bf16) {
  std::vector<float> values(bf16.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = kernels::bf16_to_f32(bf16[i]);
  return values;
}

void Report::compare(std::string_view name, std::span<const double> want,
                     std::span<const float> got, double limit) {
  double squares = 0.0;
  double error_squares = 0.0;
  for (const double value : want) squares += value * value;
  const double rms = std::sqrt(squares / static_cast<double>(want.size()));
  double largest = 0.0;
  bool is_ordered = want.size() == got.size() && !want.empty();
  for (std::size_t i = 0; is_ordered && i < want.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - want[i]);
    const double scaled = error / std::max({std::abs(want[i]), rms, 1e-30});
    is_ordered = !std::isnan(scaled);
    largest = std::max(largest, scaled);
    error_squares += error * error;
  }
  const double relative = std::sqrt(error_squares / std::max(squares, 1e-60));
  line(name, is_ordered && largest <= limit,
       is_ordered ? format("max error {:.2e} (limit {:.2e}), relative L2 {:.2e}, {} values",
                           largest, limit, relative, want.size())
                  : format("NaN or missing values among {}", want.size()));
}

void Report::compare_all(std::string_view name, std::span<const double> want,
                         std::span<const float> got, double limit) {
  double squares = 0.0;
  double error_squares = 0.0;
  for (std::size_t i = 0; i < want.size() && i < got.size(); ++i) {
    squares += want[i] * want[i];
    error_squares += (got[i] - want[i]) * (got[i] - want[i]);
  }
  const double relative = std::sqrt(error_squares / std::max(squares, 1e-60));
  const bool is_close = want.size() == got.size() && !want.empty() && relative <= limit;
  line(name, is_close,
       format("relative L2 {:.2e} (limit {:.2e}), {} values", relative, limit, want.size()));
}

void Report::holds(std::string_view name, bool claim) {
  line(name, claim, claim ? "" : "does not hold");
}

void Report::refused(std::string_view name, cudaError_t code) {
  line(name, code == cudaErrorInvalidValue, cudaGetErrorName(code));
}

void Report::failed(std::string_view name, const Error& error) {
  line(name, false, error.message());
}

void Report::count_differences(std::string_view name, std::size_t num_different,
                               std::size_t count) {
  line(name, num_different == 0 && count > 0, format("{} of {} differ", num_different, count));
}

void Report::line(std::string_view name, bool passed, const std::string& detail) {
  ++num_cases_;
  num_failures_ += passed ? 0 : 1;
  std::printf("%s\n", format("{} {:<58} {}", passed ? "ok  " : "FAIL", name, detail).c_str());
  std::fflush(stdout);
}

namespace {

constexpr int kNoDevice = 77;

Result<Gpu> open_gpu() {
  Gpu gpu;
  ASSIGN_OR_RETURN(gpu.info, device::cuda::select_device(0));
  ASSIGN_OR_RETURN(gpu.stream, device::cuda::Stream::create());
  ASSIGN_OR_RETURN(gpu.arena, device::cuda::DeviceArena::create(std::size_t{1} << 30));
  RETURN_IF_ERROR(
      device::cuda::check_cuda(kernels::cuda::prepare_skinny_product(), "prepare_skinny_product"));
  RETURN_IF_ERROR(
      device::cuda::check_cuda(kernels::cuda::prepare_wide_product(), "prepare_wide_product"));
  RETURN_IF_ERROR(device::cuda::check_cuda(kernels::cuda::prepare_decode_attention(),
                                           "prepare_decode_attention"));
  RETURN_IF_ERROR(device::cuda::check_cuda(kernels::cuda::prepare_paged_attention(),
                                           "prepare_paged_attention"));
  RETURN_IF_ERROR(device::cuda::check_cuda(kernels::cuda::prepare_sampling(), "prepare_sampling"));
  return gpu;
}

int run() {
  Result<Gpu> gpu = open_gpu();
  if (!gpu) {
    std::printf("%s\n", format("no CUDA device to test on: {}", gpu.error().message()).c_str());
    return gpu.error().code() == ErrorCode::kUnavailable ? kNoDevice : 1;
  }
  std::printf("%s\n", format("{}, compute capability {}, {} multiprocessors", gpu->info.name,
                             gpu->info.compute_capability, gpu->info.num_multiprocessors)
                          .c_str());
  Report report;
  using Cases = Status (*)(Gpu&, Report&);
  const std::pair<std::string_view, Cases> groups[] = {
      {"device", run_device_cases},
      {"embed and argmax", run_embed_argmax_cases},
      {"products", run_product_cases},
      {"attention", run_attention_cases},
      {"rope", run_rope_cases},
      {"sampling", run_sampling_cases},
      {"decode attention", run_decode_attention_cases},
      {"decode", run_decode_cases}};
  for (const auto& [name, cases] : groups) {
    gpu->arena.reset();
    if (const Status status = cases(*gpu, report); !status) report.failed(name, status.error());
  }
  std::printf("%s\n",
              format("{} cases, {} failures", report.num_cases(), report.num_failures()).c_str());
  return report.num_failures() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace penstock::gpu_test

int main() {
  return penstock::gpu_test::run();
}
