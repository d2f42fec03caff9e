// The two ends of a step: embedding with what the first norm needs of it, and argmax.
#include <limits>

#include "base/format.h"
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/embed.h"
#include "kernels/cuda/weight_panels.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;

Status check_embed(Gpu& gpu, Report& report) {
  gpu.arena.reset();
  constexpr std::size_t kVocab = 1008;
  constexpr std::size_t kDim = 1056;
  const auto table = random_bf16(kVocab * kDim, 41, 1.0F);
  const auto norm = random_bf16(kDim, 42, 1.0F);
  const std::vector<std::uint32_t> ids = {0, 1007, 17, 17, 1008, 0xFFFFFFFFU};
  ASSIGN_OR_RETURN(const std::uint16_t* rows, gpu.upload(table));
  ASSIGN_OR_RETURN(std::uint16_t* panels, gpu.poisoned<std::uint16_t>(table.size()));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_pack_panels({.rows = rows,
                                                                .panels = panels,
                                                                .num_outputs = kVocab,
                                                                .num_inputs = kDim,
                                                                .rows_per_tile = 16,
                                                                .first_row = 0},
                                                               gpu.stream.get()),
                             "launch_pack_panels"));
  const std::size_t count = ids.size() * kDim;
  kernels::cuda::EmbedArgs args{.table = panels,
                                .token_ids = nullptr,
                                .rows = {},
                                .num_rows = static_cast<int>(ids.size()),
                                .dim = kDim,
                                .vocab_size = kVocab};
  ASSIGN_OR_RETURN(args.token_ids, gpu.upload(ids));
  ASSIGN_OR_RETURN(args.rows.norm_weight, gpu.upload(norm));
  ASSIGN_OR_RETURN(args.rows.residual, gpu.poisoned<std::uint16_t>(count));
  ASSIGN_OR_RETURN(args.rows.weighted, gpu.poisoned<std::uint16_t>(count));
  ASSIGN_OR_RETURN(args.rows.squares, gpu.poisoned<float>(count / 16));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_embed(args, gpu.stream.get()), "launch_embed"));

  std::vector<std::uint16_t> want;
  std::vector<std::uint16_t> want_weighted;  // of the ids that are in the vocabulary
  std::vector<double> want_squares;
  for (const std::uint32_t id : ids) {
    for (std::size_t d = 0; d < kDim; ++d) {
      want.push_back(id < kVocab ? table[(id * kDim) + d] : std::uint16_t{0x7FFF});
      if (id >= kVocab) continue;
      const float value = kernels::bf16_to_f32(want.back());
      want_weighted.push_back(kernels::f32_to_bf16(value * kernels::bf16_to_f32(norm[d])));
      if (d % 16 == 0) want_squares.push_back(0.0);
      want_squares.back() += static_cast<double>(value) * value;
    }
  }
  ASSIGN_OR_RETURN(auto residual, gpu.download(args.rows.residual, count));
  for (std::uint16_t& bits : residual) {
    if ((bits & 0x7FFF) > 0x7F80) bits = 0x7FFF;  // any NaN
  }
  ASSIGN_OR_RETURN(const auto weighted, gpu.download(args.rows.weighted, want_weighted.size()));
  ASSIGN_OR_RETURN(const auto squares, gpu.download(args.rows.squares, want_squares.size()));
  report.same("embed, ids past the vocabulary become NaN", want, residual);
  report.same("embed, the first norm's rows", want_weighted, weighted);
  report.compare("embed, the first norm's squares", want_squares, std::span<const float>(squares),
                 1e-6);
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

Status run_embed_argmax_cases(Gpu& gpu, Report& report) {
  RETURN_IF_ERROR(check_embed(gpu, report));
  for (const std::size_t vocab : {97U, 49152U, 128256U, 151936U}) {
    RETURN_IF_ERROR(check_argmax(gpu, report, vocab));
  }
  return {};
}

}  // namespace penstock::gpu_test
