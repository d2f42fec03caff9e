// The skinny GEMM: right for every shape, and one arithmetic for every number of rows and blocks.
#include "base/format.h"
#include "kernels/cuda/skinny_gemm.h"
#include "kernels/ref/ops.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using kernels::cuda::launch_skinny_gemm;
using kernels::cuda::SkinnyGemmArgs;

struct Shape {
  int num_outputs;
  int num_inputs;
};

// f32 accumulators in 16 slices: a few 2^-24 per addition, far below this; a wrong index is not.
constexpr double kF32Limit = 1e-4;

struct Operands {
  std::vector<float> x;  // [16, num_inputs]
  std::vector<float> w;  // [num_outputs, num_inputs]
  const std::uint16_t* device_x;
  const std::uint16_t* device_w;
};

Result<Operands> make_operands(Gpu& gpu, Shape shape) {
  const auto inputs = static_cast<std::size_t>(shape.num_inputs);
  const auto x = random_bf16(kernels::cuda::kGemmMaxRows * inputs, 11, 1.0F);
  const auto w = random_bf16(static_cast<std::size_t>(shape.num_outputs) * inputs, 12, 0.05F);
  Operands operands{to_floats(x), to_floats(w), nullptr, nullptr};
  ASSIGN_OR_RETURN(operands.device_x, gpu.upload(x));
  ASSIGN_OR_RETURN(operands.device_w, gpu.upload(w));
  return operands;
}

Result<std::vector<float>> product(Gpu& gpu, const Operands& operands, Shape shape, int num_rows,
                                   int num_blocks) {
  const std::size_t count = static_cast<std::size_t>(num_rows) * shape.num_outputs;
  ASSIGN_OR_RETURN(float* y, gpu.poisoned<float>(count));
  RETURN_IF_ERROR(check_cuda(launch_skinny_gemm({.x = operands.device_x,
                                                 .w = operands.device_w,
                                                 .y_bf16 = nullptr,
                                                 .y_f32 = y,
                                                 .num_rows = num_rows,
                                                 .num_outputs = shape.num_outputs,
                                                 .num_inputs = shape.num_inputs,
                                                 .num_multiprocessors = num_blocks},
                                                gpu.stream.get()),
                             "launch_skinny_gemm"));
  return gpu.download(y, count);
}

Status check_shape(Gpu& gpu, Report& report, Shape shape) {
  gpu.arena.reset();
  ASSIGN_OR_RETURN(const Operands operands, make_operands(gpu, shape));
  const std::vector<double> want =
      kernels::ref::matmul(operands.w, operands.x, static_cast<std::size_t>(shape.num_inputs));
  const int all_blocks = gpu.info.num_multiprocessors;
  ASSIGN_OR_RETURN(const auto all, product(gpu, operands, shape, 16, all_blocks));
  const auto outputs = static_cast<std::size_t>(shape.num_outputs);
  for (const int num_rows : {1, 2, 4, 7, 8, 9, 16}) {
    const std::string name =
        format("gemm M={} N={} K={}", num_rows, shape.num_outputs, shape.num_inputs);
    ASSIGN_OR_RETURN(const auto y, product(gpu, operands, shape, num_rows, all_blocks));
    const std::size_t count = static_cast<std::size_t>(num_rows) * outputs;
    report.compare(name, std::span(want).first(count), std::span<const float>(y), kF32Limit);
    report.same(name + " has the bits of M=16", std::span(all).first(count), std::span(y));
  }
  ASSIGN_OR_RETURN(const auto few, product(gpu, operands, shape, 16, 5));
  report.same(format("gemm N={} K={} on 5 blocks", shape.num_outputs, shape.num_inputs), all, few);
  return {};
}

Status check_bf16_output(Gpu& gpu, Report& report) {
  gpu.arena.reset();
  const Shape shape{512, 1024};
  ASSIGN_OR_RETURN(const Operands operands, make_operands(gpu, shape));
  constexpr int kRows = 3;
  constexpr std::size_t kCount = kRows * 512U;
  ASSIGN_OR_RETURN(std::uint16_t* y, gpu.poisoned<std::uint16_t>(kCount));
  const SkinnyGemmArgs args{.x = operands.device_x,
                            .w = operands.device_w,
                            .y_bf16 = y,
                            .y_f32 = nullptr,
                            .num_rows = kRows,
                            .num_outputs = shape.num_outputs,
                            .num_inputs = shape.num_inputs,
                            .num_multiprocessors = gpu.info.num_multiprocessors};
  RETURN_IF_ERROR(check_cuda(launch_skinny_gemm(args, gpu.stream.get()), "launch_skinny_gemm"));
  ASSIGN_OR_RETURN(const auto got, gpu.download(y, kCount));
  const auto want = kernels::ref::matmul(operands.w, operands.x, 1024);
  report.compare("gemm to bf16 M=3 N=512 K=1024", std::span(want).first(kCount),
                 std::span<const std::uint16_t>(got), kBf16Limit);

  SkinnyGemmArgs wrong = args;
  wrong.num_rows = 17;
  report.refused("gemm refuses 17 rows", launch_skinny_gemm(wrong, gpu.stream.get()));
  wrong = args;
  wrong.num_inputs = 1000;
  report.refused("gemm refuses K=1000", launch_skinny_gemm(wrong, gpu.stream.get()));
  wrong = args;
  wrong.y_f32 = operands.x.empty() ? nullptr : reinterpret_cast<float*>(y);
  report.refused("gemm refuses two outputs", launch_skinny_gemm(wrong, gpu.stream.get()));
  return {};
}

}  // namespace

Status run_gemm_cases(Gpu& gpu, Report& report) {
  // Slices without chunks, one chunk each, uneven; one tile, odd tiles, more tiles than blocks.
  for (const Shape shape : {Shape{16, 32}, Shape{48, 96}, Shape{1024, 512}, Shape{2128, 1024},
                            Shape{4096, 2080}, Shape{6144, 4096}, Shape{1024, 14336}}) {
    RETURN_IF_ERROR(check_shape(gpu, report, shape));
  }
  return check_bf16_output(gpu, report);
}

}  // namespace penstock::gpu_test
