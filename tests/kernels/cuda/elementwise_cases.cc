// Norm, SwiGLU, embedding gather and argmax: right, untouched by the other rows, NaN seen.
#include <limits>

#include "base/format.h"
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/rms_norm.h"
#include "kernels/ref/ops.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;

constexpr float kEpsilon = 1e-5F;

struct Normed {
  std::vector<std::uint16_t> out;
  std::vector<std::uint16_t> residual;
};

// x empty: the norm alone.
Result<Normed> normed(Gpu& gpu, std::span<const std::uint16_t> x,
                      std::span<const std::uint16_t> residual,
                      std::span<const std::uint16_t> weight) {
  gpu.arena.reset();
  const std::uint16_t* device_x = nullptr;
  if (!x.empty()) {
    ASSIGN_OR_RETURN(device_x, gpu.upload(x));
  }
  ASSIGN_OR_RETURN(std::uint16_t* device_residual, gpu.upload(residual));
  ASSIGN_OR_RETURN(std::uint16_t* device_weight, gpu.upload(weight));
  ASSIGN_OR_RETURN(std::uint16_t* out, gpu.poisoned<std::uint16_t>(residual.size()));
  RETURN_IF_ERROR(check_cuda(
      kernels::cuda::launch_rms_norm({.x = device_x,
                                      .residual = device_residual,
                                      .weight = device_weight,
                                      .out = out,
                                      .num_rows = static_cast<int>(residual.size() / weight.size()),
                                      .dim = static_cast<int>(weight.size()),
                                      .epsilon = kEpsilon},
                                     gpu.stream.get()),
      "launch_rms_norm"));
  Normed result;
  ASSIGN_OR_RETURN(result.out, gpu.download(out, residual.size()));
  ASSIGN_OR_RETURN(result.residual, gpu.download(device_residual, residual.size()));
  return result;
}

Status check_norm(Gpu& gpu, Report& report, std::size_t dim) {
  constexpr std::size_t kRows = 5;
  const auto x = random_bf16(kRows * dim, 21, 1.0F);
  const auto residual = random_bf16(kRows * dim, 22, 3.0F);
  const auto weight = random_bf16(dim, 23, 1.0F);
  const auto weight_floats = to_floats(weight);

  std::vector<std::uint16_t> sum(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum[i] = kernels::f32_to_bf16(kernels::bf16_to_f32(x[i]) + kernels::bf16_to_f32(residual[i]));
  }
  std::vector<double> want;
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto row_floats = to_floats(std::span(sum).subspan(row * dim, dim));
    const auto row_want = kernels::ref::rms_norm(row_floats, weight_floats, kEpsilon);
    want.insert(want.end(), row_want.begin(), row_want.end());
  }
  ASSIGN_OR_RETURN(const Normed fused, normed(gpu, x, residual, weight));
  report.compare(format("rms_norm with residual dim={}", dim), want,
                 std::span<const std::uint16_t>(fused.out), kBf16Limit);
  report.same(format("rms_norm residual dim={}", dim), sum, fused.residual);
  ASSIGN_OR_RETURN(const Normed alone, normed(gpu, {}, sum, weight));
  report.same(format("rms_norm of the sum alone dim={}", dim), fused.out, alone.out);
  ASSIGN_OR_RETURN(const Normed last_row,
                   normed(gpu, {}, std::span(sum).subspan((kRows - 1) * dim, dim), weight));
  report.same(format("rms_norm of one row dim={}", dim),
              std::span<const std::uint16_t>(fused.out).subspan((kRows - 1) * dim, dim),
              std::span<const std::uint16_t>(last_row.out));
  return {};
}

Status check_swiglu(Gpu& gpu, Report& report, std::size_t inner) {
  gpu.arena.reset();
  constexpr std::size_t kRows = 3;
  const auto gate_up = random_bf16(kRows * 2 * inner, 31, 20.0F);
  ASSIGN_OR_RETURN(std::uint16_t* device_in, gpu.upload(gate_up));
  ASSIGN_OR_RETURN(std::uint16_t* out, gpu.poisoned<std::uint16_t>(kRows * inner));
  RETURN_IF_ERROR(check_cuda(
      kernels::cuda::launch_swiglu(
          {.gate_up = device_in, .out = out, .num_rows = kRows, .inner = static_cast<int>(inner)},
          gpu.stream.get()),
      "launch_swiglu"));
  ASSIGN_OR_RETURN(const auto got, gpu.download(out, kRows * inner));
  std::vector<double> want;
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto floats = to_floats(std::span(gate_up).subspan(row * 2 * inner, 2 * inner));
    const auto row_want =
        kernels::ref::swiglu(std::span(floats).first(inner), std::span(floats).subspan(inner));
    want.insert(want.end(), row_want.begin(), row_want.end());
  }
  report.compare(format("swiglu inner={}", inner), want, std::span<const std::uint16_t>(got),
                 kBf16Limit);
  return {};
}

Status check_embed(Gpu& gpu, Report& report) {
  gpu.arena.reset();
  constexpr std::size_t kVocab = 1000;
  constexpr std::size_t kDim = 1032;
  const auto table = random_bf16(kVocab * kDim, 41, 1.0F);
  const std::vector<std::uint32_t> ids = {0, 999, 17, 17, 1000, 0xFFFFFFFFU};
  ASSIGN_OR_RETURN(std::uint16_t* device_table, gpu.upload(table));
  ASSIGN_OR_RETURN(std::uint32_t* device_ids, gpu.upload(ids));
  ASSIGN_OR_RETURN(std::uint16_t* out, gpu.poisoned<std::uint16_t>(ids.size() * kDim));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_embed({.table = device_table,
                                                          .token_ids = device_ids,
                                                          .out = out,
                                                          .num_rows = static_cast<int>(ids.size()),
                                                          .dim = kDim,
                                                          .vocab_size = kVocab},
                                                         gpu.stream.get()),
                             "launch_embed"));
  std::vector<std::uint16_t> want;
  for (const std::uint32_t id : ids) {
    for (std::size_t d = 0; d < kDim; ++d) {
      want.push_back(id < kVocab ? table[(id * kDim) + d] : std::uint16_t{0x7FC0});
    }
  }
  ASSIGN_OR_RETURN(const auto got, gpu.download(out, want.size()));
  report.same("embed, ids past the vocabulary become NaN", want, got);
  return {};
}

struct ArgmaxCase {
  std::string name;
  std::vector<float> logits;
  std::uint32_t token_id;
  std::uint32_t nan_flag;
};

std::vector<ArgmaxCase> argmax_rows(std::size_t vocab) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const auto last = static_cast<std::uint32_t>(vocab - 1);
  const std::vector<float> noise = to_floats(random_bf16(vocab, 51, 1.0F));
  std::vector<ArgmaxCase> cases;
  const auto add = [&](std::string name, std::vector<float> logits, std::uint32_t id,
                       std::uint32_t flag) {
    cases.push_back({std::move(name), std::move(logits), id, flag});
  };
  const auto with = [&](std::vector<float> logits,
                        std::initializer_list<std::pair<std::size_t, float>> changes) {
    for (const auto& [at, value] : changes) logits[at] = value;
    return logits;
  };
  add("last id wins", with(noise, {{last, 2.0F}}), last, 0);
  add("a tie goes to the lowest id", with(noise, {{7, 2.0F}, {vocab / 2, 2.0F}, {last, 2.0F}}), 7,
      0);
  add("all equal", std::vector<float>(vocab, -1.0F), 0, 0);
  add("all -inf", std::vector<float>(vocab, -kInf), 0, 0);
  add("+inf beats", with(noise, {{vocab / 3, kInf}}), static_cast<std::uint32_t>(vocab / 3), 0);
  add("-0 ties with +0", with(std::vector<float>(vocab, -1.0F), {{5, -0.0F}, {6, 0.0F}}), 5, 0);
  add("negatives order", with(std::vector<float>(vocab, -2.0F), {{9, -1.5F}}), 9, 0);
  add("NaN is flagged", with(noise, {{3, kInf}, {vocab / 2, kNan}, {last, -kNan}}),
      static_cast<std::uint32_t>(vocab / 2), 1);
  return cases;
}

Status check_argmax(Gpu& gpu, Report& report, std::size_t vocab) {
  gpu.arena.reset();
  const std::vector<ArgmaxCase> cases = argmax_rows(vocab);
  std::vector<float> logits;
  for (const ArgmaxCase& one : cases) {
    logits.insert(logits.end(), one.logits.begin(), one.logits.end());
  }
  ASSIGN_OR_RETURN(float* device_logits, gpu.upload(logits));
  ASSIGN_OR_RETURN(std::uint64_t* workspace,
                   gpu.poisoned<std::uint64_t>(cases.size() * kernels::cuda::kArgmaxSplits));
  ASSIGN_OR_RETURN(std::uint32_t* ids, gpu.poisoned<std::uint32_t>(cases.size()));
  ASSIGN_OR_RETURN(std::uint32_t* flags, gpu.poisoned<std::uint32_t>(cases.size()));
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::launch_argmax({.logits = device_logits,
                                               .workspace = workspace,
                                               .token_ids = ids,
                                               .nan_flags = flags,
                                               .num_rows = static_cast<int>(cases.size()),
                                               .vocab_size = static_cast<int>(vocab)},
                                              gpu.stream.get()),
                 "launch_argmax"));
  ASSIGN_OR_RETURN(const auto got_ids, gpu.download(ids, cases.size()));
  ASSIGN_OR_RETURN(const auto got_flags, gpu.download(flags, cases.size()));
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::vector<std::uint32_t> want = {cases[i].token_id, cases[i].nan_flag};
    const std::vector<std::uint32_t> got = {got_ids[i], got_flags[i]};
    report.same(format("argmax vocab={}: {}", vocab, cases[i].name), want, got);
  }
  return {};
}

}  // namespace

Status run_elementwise_cases(Gpu& gpu, Report& report) {
  for (const std::size_t dim : {8U, 576U, 1024U, 2048U, 4096U, 5120U, 16384U}) {
    RETURN_IF_ERROR(check_norm(gpu, report, dim));
  }
  for (const std::size_t inner : {8U, 3072U, 14336U}) {
    RETURN_IF_ERROR(check_swiglu(gpu, report, inner));
  }
  RETURN_IF_ERROR(check_embed(gpu, report));
  for (const std::size_t vocab : {97U, 49152U, 128256U, 151936U}) {
    RETURN_IF_ERROR(check_argmax(gpu, report, vocab));
  }
  return {};
}

}  // namespace penstock::gpu_test
