// Matrix products and what is fused into them: every kernel behind ProductArgs against the
// reference, for every kind, and the bits of a row the same whatever the kernel, the other rows and
// the grid.
#include <cmath>
#include <future>

#include "base/format.h"
#include "kernels/cuda/product.h"
#include "kernels/cuda/weight_panels.h"
#include "kernels/ref/ops.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using kernels::cuda::ProductArgs;
using kernels::cuda::ProductKind;

struct Shape {
  int num_outputs;
  int num_inputs;
};

// f32 accumulators in eight slices: a few 2^-24 per addition, far below this; a wrong index is not.
constexpr double kF32Limit = 1e-4;
constexpr float kEpsilon = 1e-5F;
constexpr int kMaxRows = 66;  // of the operands: a part of 64 rows and a rest

std::size_t size(int count) {
  return static_cast<std::size_t>(count);
}

// Rows of x, weights in both layouts, and the residual stream under the outputs.
struct Operands {
  Shape shape;
  std::vector<std::uint16_t> x;  // [kMaxRows, num_inputs]
  std::vector<std::uint16_t> w;  // [num_outputs, num_inputs]
  std::vector<float> x_squares;  // [kMaxRows, num_inputs / 16]
  std::vector<std::uint16_t> residual;
  std::vector<std::uint16_t> norm;
  const std::uint16_t* device_x;
  const float* device_squares;
  const std::uint16_t* panels;
  const std::uint16_t* device_norm;
  std::vector<double> sums;  // [kMaxRows, num_outputs], on the CPU
};

// A thread a few rows: the largest are some 10^9 products.
std::vector<double> reference_sums(const Operands& operands) {
  const std::vector<float> w = to_floats(operands.w);
  const std::vector<float> x = to_floats(operands.x);
  const std::size_t inputs = size(operands.shape.num_inputs);
  constexpr std::size_t kRowsEach = 6;
  std::vector<std::future<std::vector<double>>> parts;
  for (std::size_t row = 0; row < kMaxRows; row += kRowsEach) {
    const auto rows = std::span(x).subspan(row * inputs, kRowsEach * inputs);
    parts.push_back(std::async(
        std::launch::async, [&w, rows, inputs] { return kernels::ref::matmul(w, rows, inputs); }));
  }
  std::vector<double> sums;
  for (auto& part : parts) {
    const std::vector<double> values = part.get();
    sums.insert(sums.end(), values.begin(), values.end());
  }
  return sums;
}

Result<Operands> make_operands(Gpu& gpu, Shape shape) {
  gpu.arena.reset();
  const std::size_t inputs = size(shape.num_inputs);
  const std::size_t outputs = size(shape.num_outputs);
  Operands operands{.shape = shape,
                    .x = random_bf16(kMaxRows * inputs, 11, 1.0F),
                    .w = random_bf16(outputs * inputs, 12, 0.05F),
                    .x_squares = {},
                    .residual = random_bf16(kMaxRows * outputs, 13, 2.0F),
                    .norm = random_bf16(outputs, 14, 1.0F),
                    .device_x = nullptr,
                    .device_squares = nullptr,
                    .panels = nullptr,
                    .device_norm = nullptr,
                    .sums = {}};
  for (const float value : to_floats(random_bf16(kMaxRows * inputs / 16, 15, 8.0F))) {
    operands.x_squares.push_back(std::abs(value));
  }
  ASSIGN_OR_RETURN(operands.device_x, gpu.upload(operands.x));
  ASSIGN_OR_RETURN(operands.device_squares, gpu.upload(operands.x_squares));
  ASSIGN_OR_RETURN(operands.device_norm, gpu.upload(operands.norm));
  ASSIGN_OR_RETURN(const std::uint16_t* rows, gpu.upload(operands.w));
  ASSIGN_OR_RETURN(std::uint16_t* panels, gpu.poisoned<std::uint16_t>(operands.w.size()));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_pack_panels({.rows = rows,
                                                                .panels = panels,
                                                                .num_outputs = shape.num_outputs,
                                                                .num_inputs = shape.num_inputs,
                                                                .rows_per_tile = 16,
                                                                .first_row = 0},
                                                               gpu.stream.get()),
                             "launch_pack_panels"));
  RETURN_IF_ERROR(gpu.stream.synchronize());
  operands.panels = panels;
  operands.sums = reference_sums(operands);
  return operands;
}

// What a product leaves behind; only the members of its kind are filled.
struct Outcome {
  std::vector<float> logits;
  std::vector<std::uint16_t> y;
  std::vector<std::uint16_t> residual;
  std::vector<std::uint16_t> weighted;
  std::vector<float> squares;
};

struct Run {
  ProductKind kind = ProductKind::kLogits;
  int num_rows = kMaxRows;
  int num_blocks = 0;
  bool is_normed = false;
};

using Launch = cudaError_t (*)(const ProductArgs&, cudaStream_t);

Result<Outcome> product(Gpu& gpu, const Operands& operands, Launch launch, const Run& run) {
  const std::size_t outputs = size(operands.shape.num_outputs);
  const std::size_t count = size(run.num_rows) * outputs;
  ProductArgs args{
      .kind = run.kind,
      .x = operands.device_x,
      .x_squares = run.is_normed ? operands.device_squares : nullptr,
      .w = operands.panels,
      .epsilon = kEpsilon,
      .num_rows = run.num_rows,
      .num_outputs = operands.shape.num_outputs,
      .num_inputs = operands.shape.num_inputs,
      .num_multiprocessors = run.num_blocks > 0 ? run.num_blocks : gpu.info.num_multiprocessors};
  ASSIGN_OR_RETURN(args.logits, gpu.poisoned<float>(count));
  ASSIGN_OR_RETURN(args.y, gpu.poisoned<std::uint16_t>(count));
  ASSIGN_OR_RETURN(args.residual.residual, gpu.upload(std::span(operands.residual).first(count)));
  args.residual.norm_weight = operands.device_norm;
  ASSIGN_OR_RETURN(args.residual.weighted, gpu.poisoned<std::uint16_t>(count));
  ASSIGN_OR_RETURN(args.residual.squares, gpu.poisoned<float>(count / 16));
  RETURN_IF_ERROR(check_cuda(launch(args, gpu.stream.get()), "a product"));
  Outcome outcome;
  if (run.kind == ProductKind::kLogits) {
    ASSIGN_OR_RETURN(outcome.logits, gpu.download(args.logits, count));
  } else if (run.kind == ProductKind::kResidual) {
    ASSIGN_OR_RETURN(outcome.residual, gpu.download(args.residual.residual, count));
    ASSIGN_OR_RETURN(outcome.weighted, gpu.download(args.residual.weighted, count));
    ASSIGN_OR_RETURN(outcome.squares, gpu.download(args.residual.squares, count / 16));
  } else {
    ASSIGN_OR_RETURN(outcome.y,
                     gpu.download(args.y, run.kind == ProductKind::kSwiglu ? count / 2 : count));
  }
  return outcome;
}

// As rms_norm's, from the sums of squares of 16 neighbours.
std::vector<double> normed_sums(const Operands& operands) {
  std::vector<double> want = operands.sums;
  const std::size_t per_row = size(operands.shape.num_inputs) / 16;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const std::size_t row = i / size(operands.shape.num_outputs);
    double total = 0.0;
    for (std::size_t k = 0; k < per_row; ++k) total += operands.x_squares[(row * per_row) + k];
    want[i] /= std::sqrt((total / operands.shape.num_inputs) + kEpsilon);
  }
  return want;
}

struct Kernel {
  std::string name;
  Launch launch;
  std::vector<int> row_counts;
};

Status check_sums(Gpu& gpu, Report& report, const Kernel& kernel, const Operands& operands,
                  std::span<const float> reference_bits) {
  const std::vector<double>& want = operands.sums;
  const std::size_t outputs = size(operands.shape.num_outputs);
  const std::string shape =
      format("N={} K={}", operands.shape.num_outputs, operands.shape.num_inputs);
  for (const int num_rows : kernel.row_counts) {
    const std::string name = format("{} M={} {}", kernel.name, num_rows, shape);
    const auto count = static_cast<std::size_t>(num_rows) * outputs;
    ASSIGN_OR_RETURN(const Outcome got,
                     product(gpu, operands, kernel.launch, {.num_rows = num_rows}));
    report.compare(name, std::span(want).first(count), std::span<const float>(got.logits),
                   kF32Limit);
    report.same(name + ", one arithmetic", reference_bits.first(count),
                std::span<const float>(got.logits));
  }
  const int most = kernel.row_counts.back();
  ASSIGN_OR_RETURN(const Outcome few,
                   product(gpu, operands, kernel.launch, {.num_rows = most, .num_blocks = 5}));
  report.same(format("{} {} on 5 blocks", kernel.name, shape),
              reference_bits.first(size(most) * outputs), std::span<const float>(few.logits));
  return {};
}

Status check_kinds(Gpu& gpu, Report& report, const Kernel& kernel, const Operands& operands,
                   int num_rows) {
  const std::size_t outputs = size(operands.shape.num_outputs);
  const std::size_t count = size(num_rows) * outputs;
  const std::string name = format("{} M={} N={} K={}", kernel.name, num_rows,
                                  operands.shape.num_outputs, operands.shape.num_inputs);
  const std::vector<double> want = normed_sums(operands);
  Run run{.kind = ProductKind::kRows, .num_rows = num_rows, .is_normed = true};
  ASSIGN_OR_RETURN(const Outcome rows, product(gpu, operands, kernel.launch, run));
  report.compare(name + " over a norm, bf16", std::span(want).first(count),
                 std::span<const std::uint16_t>(rows.y), kBf16Limit);

  run.kind = ProductKind::kSwiglu;
  ASSIGN_OR_RETURN(const Outcome swiglu, product(gpu, operands, kernel.launch, run));
  const std::vector<float> halves = to_floats(rows.y);  // eight of gate, eight of up
  std::vector<double> want_swiglu;
  for (std::size_t i = 0; i < count; i += 16) {
    const auto pair = std::span<const float>(halves).subspan(i, 16);
    const auto tile = kernels::ref::swiglu(pair.first(8), pair.subspan(8));
    want_swiglu.insert(want_swiglu.end(), tile.begin(), tile.end());
  }
  report.compare(name + " SwiGLU", want_swiglu, std::span<const std::uint16_t>(swiglu.y),
                 kBf16Limit);

  run.is_normed = false;
  run.kind = ProductKind::kRows;
  ASSIGN_OR_RETURN(const Outcome plain, product(gpu, operands, kernel.launch, run));
  run.kind = ProductKind::kResidual;
  ASSIGN_OR_RETURN(const Outcome added, product(gpu, operands, kernel.launch, run));
  std::vector<std::uint16_t> want_residual;
  std::vector<std::uint16_t> want_weighted;
  std::vector<double> want_squares(count / 16);
  for (std::size_t i = 0; i < count; ++i) {
    want_residual.push_back(kernels::f32_to_bf16(kernels::bf16_to_f32(operands.residual[i]) +
                                                 kernels::bf16_to_f32(plain.y[i])));
    const float value = kernels::bf16_to_f32(want_residual.back());
    want_weighted.push_back(
        kernels::f32_to_bf16(value * kernels::bf16_to_f32(operands.norm[i % outputs])));
    want_squares[i / 16] += static_cast<double>(value) * value;
  }
  report.same(name + " onto the residual stream", want_residual, added.residual);
  report.same(name + ", the next norm's rows", want_weighted, added.weighted);
  report.compare(name + ", the next norm's squares", want_squares,
                 std::span<const float>(added.squares), 1e-6);
  return {};
}

Status check_refusals(Gpu& gpu, Report& report, const Kernel& kernel, int too_many_rows) {
  const ProductArgs args{.kind = ProductKind::kLogits,
                         .num_rows = 1,
                         .num_outputs = 64,
                         .num_inputs = 64,
                         .num_multiprocessors = gpu.info.num_multiprocessors};
  ProductArgs wrong = args;
  wrong.num_rows = too_many_rows;
  report.refused(format("{} refuses {} rows", kernel.name, too_many_rows),
                 kernel.launch(wrong, gpu.stream.get()));
  wrong = args;
  wrong.num_inputs = 1000;
  report.refused(kernel.name + " refuses K=1000", kernel.launch(wrong, gpu.stream.get()));
  wrong = args;
  wrong.num_outputs = 40;
  report.refused(kernel.name + " refuses half a tile", kernel.launch(wrong, gpu.stream.get()));
  return {};
}

}  // namespace

Status run_product_cases(Gpu& gpu, Report& report) {
  const Kernel kernels[] = {
      {"skinny product", kernels::cuda::launch_skinny_product, {1, 2, 3, 7, 8, 9, 16}},
      {"wide product", kernels::cuda::launch_wide_product, {1, 17, 32, 33, 64, kMaxRows}}};
  // Slices without chunks, one chunk each, uneven; one tile, odd tiles, more tiles than blocks; K
  // in one, in several and in uneven groups.
  for (const Shape shape : {Shape{16, 32}, Shape{48, 96}, Shape{1024, 512}, Shape{2128, 1024},
                            Shape{4096, 2080}, Shape{6144, 4096}, Shape{1024, 14336}}) {
    ASSIGN_OR_RETURN(const Operands operands, make_operands(gpu, shape));
    ASSIGN_OR_RETURN(const Outcome all,
                     product(gpu, operands, kernels[1].launch, {.num_rows = kMaxRows}));
    for (const Kernel& kernel : kernels) {
      RETURN_IF_ERROR(check_sums(gpu, report, kernel, operands, all.logits));
    }
  }
  for (const Shape shape : {Shape{1056, 1024}, Shape{4096, 4096}, Shape{4224, 5152}}) {
    ASSIGN_OR_RETURN(const Operands operands, make_operands(gpu, shape));
    for (const Kernel& kernel : kernels) {
      for (const int num_rows : {1, 3, kernel.row_counts.back()}) {
        RETURN_IF_ERROR(check_kinds(gpu, report, kernel, operands, num_rows));
      }
    }
  }
  RETURN_IF_ERROR(check_refusals(gpu, report, kernels[0], kernels::cuda::kSkinnyMaxRows + 1));
  return check_refusals(gpu, report, kernels[1], kernels::cuda::kWideMaxRows + 1);
}

}  // namespace penstock::gpu_test
