// Sampling on the device against the engine's own sampler: the same token for the same logits,
// parameters and counter, whatever else is in the batch; and adjusted logits bit for bit.
#include <cmath>
#include <limits>
#include <numeric>

#include "base/format.h"
#include "engine/logits.h"
#include "engine/sampler.h"
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/logits.h"
#include "kernels/cuda/sampling.h"
#include "tests/kernels/cuda/gpu_case.h"

namespace penstock::gpu_test {
namespace {

using device::cuda::check_cuda;
using engine::SamplingParams;
using kernels::cuda::SamplingRow;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Sampled {
  std::vector<std::uint32_t> token_ids;
  std::vector<std::uint32_t> flags;
};

// logits: one row for each of `rows`.
Result<Sampled> sample(Gpu& gpu, const std::vector<float>& logits,
                       const std::vector<SamplingRow>& rows) {
  gpu.arena.reset();
  const std::size_t vocab = logits.size() / rows.size();
  ASSIGN_OR_RETURN(float* device_logits, gpu.upload(logits));
  ASSIGN_OR_RETURN(SamplingRow * device_rows, gpu.upload(rows));
  ASSIGN_OR_RETURN(std::uint64_t* keys,
                   gpu.poisoned<std::uint64_t>(rows.size() * kernels::cuda::kArgmaxSplits));
  ASSIGN_OR_RETURN(float* weights, gpu.poisoned<float>(logits.size()));
  ASSIGN_OR_RETURN(std::uint32_t* ids, gpu.poisoned<std::uint32_t>(rows.size()));
  ASSIGN_OR_RETURN(std::uint32_t* flags, gpu.poisoned<std::uint32_t>(rows.size()));
  const auto num_rows = static_cast<int>(rows.size());
  const auto vocab_size = static_cast<int>(vocab);
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_argmax({.logits = device_logits,
                                                           .workspace = keys,
                                                           .token_ids = ids,
                                                           .nan_flags = flags,
                                                           .num_rows = num_rows,
                                                           .vocab_size = vocab_size},
                                                          gpu.stream.get()),
                             "launch_argmax"));
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_sample({.logits = device_logits,
                                                           .rows = device_rows,
                                                           .workspace = weights,
                                                           .token_ids = ids,
                                                           .flags = flags,
                                                           .num_rows = num_rows,
                                                           .vocab_size = vocab_size},
                                                          gpu.stream.get()),
                             "launch_sample"));
  Sampled sampled;
  ASSIGN_OR_RETURN(sampled.token_ids, gpu.download(ids, rows.size()));
  ASSIGN_OR_RETURN(sampled.flags, gpu.download(flags, rows.size()));
  return sampled;
}

SamplingRow to_row(const SamplingParams& params, engine::DrawCounter counter) {
  return {.temperature = params.temperature,
          .top_p = params.top_p,
          .min_p = params.min_p,
          .top_k = params.top_k,
          .seed = params.seed,
          .output_index = counter.output_index,
          .choice_number = counter.choice_number};
}

// A bell of logits with a few far above it, as models give them; bf16 values, so that some are
// equal.
std::vector<float> peaked_logits(std::size_t vocab, std::uint64_t seed) {
  std::vector<float> logits(vocab, 0.0F);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto part = to_floats(random_bf16(vocab, seed + i, 2.0F));
    for (std::size_t id = 0; id < vocab; ++id) logits[id] += part[id];
  }
  for (std::size_t i = 0; i < 20; ++i) logits[(i * 7919) % vocab] += 4.0F + (0.3F * (i % 7));
  return logits;
}

const SamplingParams kParams[] = {
    {.temperature = 0.0F},
    {.temperature = 1.0F, .seed = 1},
    {.temperature = 0.7F, .top_p = 0.9F, .seed = 2},
    {.temperature = 1.0F, .top_p = 0.5F, .seed = 3},
    {.temperature = 1.0F, .top_k = 1, .seed = 4},
    {.temperature = 1.3F, .top_k = 50, .seed = 5},
    {.temperature = 1.0F, .top_p = 0.8F, .top_k = 40, .seed = 6},
    {.temperature = 1.0F, .min_p = 0.05F, .seed = 7},
    {.temperature = 0.9F, .top_p = 0.95F, .min_p = 0.01F, .top_k = 1000, .seed = 8},
    {.temperature = 3.0F, .top_p = 0.999F, .seed = 9},   // more than the sort holds
    {.temperature = 5.0F, .top_k = 20'000, .seed = 10},  // likewise
    {.temperature = 4.0F, .top_p = 0.7F, .top_k = 60'000, .seed = 11},
    {.temperature = 1.0F, .top_k = 1'000'000, .seed = 12},  // more than there are
    {.temperature = 0.01F, .seed = 13},                     // all but the best vanish
};

Status check_vocab(Gpu& gpu, Report& report, std::size_t vocab, bool is_flat) {
  constexpr std::uint32_t kDraws = 3;
  std::vector<float> logits;
  std::vector<SamplingRow> rows;
  std::vector<std::uint32_t> want;
  engine::Sampler sampler(static_cast<std::uint32_t>(vocab));
  for (const SamplingParams& params : kParams) {
    for (std::uint32_t draw = 0; draw < kDraws; ++draw) {
      const auto row = is_flat ? std::vector<float>(vocab, 0.5F)
                               : peaked_logits(vocab, (params.seed * 100) + draw);
      const engine::DrawCounter counter{.output_index = draw * 1000, .choice_number = draw};
      ASSIGN_OR_RETURN(const auto id, sampler.sample(row, params, counter));
      want.push_back(id);
      logits.insert(logits.end(), row.begin(), row.end());
      rows.push_back(to_row(params, counter));
    }
  }
  ASSIGN_OR_RETURN(const Sampled all, sample(gpu, logits, rows));
  const std::string name = format("sample vocab={}{}", vocab, is_flat ? " all equal" : "");
  for (std::size_t i = 0; i < std::size(kParams); ++i) {
    const SamplingParams& p = kParams[i];
    report.same(
        format("{} t={} k={} p={} min_p={}", name, p.temperature, p.top_k, p.top_p, p.min_p),
        std::span<const std::uint32_t>(want).subspan(i * kDraws, kDraws),
        std::span<const std::uint32_t>(all.token_ids).subspan(i * kDraws, kDraws));
  }
  constexpr std::size_t kRow = 9 * kDraws;
  ASSIGN_OR_RETURN(const Sampled alone,
                   sample(gpu, {logits.begin() + kRow * vocab, logits.begin() + (kRow + 1) * vocab},
                          {rows[kRow]}));
  report.holds(name + ", a row alone", alone.token_ids[0] == all.token_ids[kRow]);
  return {};
}

Status check_failures(Gpu& gpu, Report& report) {
  constexpr std::size_t kVocab = 1000;
  std::vector<float> logits(4 * kVocab, -1.0F);
  logits[17] = std::nanf("");
  std::fill_n(logits.begin() + kVocab, kVocab, -kInfinity);
  logits[(2 * kVocab) + 5] = kInfinity;
  std::fill_n(logits.begin() + 3 * kVocab, kVocab - 1, -kInfinity);
  const std::vector<SamplingRow> rows(4, SamplingRow{.temperature = 1.0F});
  ASSIGN_OR_RETURN(const Sampled got, sample(gpu, logits, rows));
  using kernels::cuda::kRowHasNan;
  using kernels::cuda::kRowIsFine;
  using kernels::cuda::kRowIsImpossible;
  report.same("sample flags NaN and rows without a possible token",
              std::vector{kRowHasNan, kRowIsImpossible, kRowIsImpossible, kRowIsFine}, got.flags);
  report.holds("sample takes the only possible token", got.token_ids[3] == kVocab - 1);
  return {};
}

Status check_adjustments(Gpu& gpu, Report& report) {
  gpu.arena.reset();
  constexpr std::size_t kVocab = 5003;
  constexpr std::size_t kRows = 2;
  std::vector<float> logits = peaked_logits(kRows * kVocab, 900);
  const SamplingParams params{
      .presence_penalty = 0.3F, .frequency_penalty = 0.7F, .repetition_penalty = 1.3F};
  const std::vector<std::uint32_t> seen = {0, 17, 31, 4096, 5002};
  const std::vector<std::uint32_t> counts = {0, 3, 1, 0, 12};
  const std::vector<std::uint32_t> bias_ids = {17, 40, 5002};
  const std::vector<float> bias = {-0.7F, 100.0F, 3.3F};
  const std::vector<std::uint32_t> forbidden = {40, 41, 5001};
  std::vector<std::uint32_t> allowed((kVocab + 31) / 32, 0xF0F0F0F1U);

  // Row 0 gets all of it, row 1 the mask alone.
  std::vector<float> want = logits;
  engine::TokenHistory history;
  history.add_prompt(seen);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::uint32_t n = 0; n < counts[i]; ++n) history.add_generated(seen[i]);
  }
  const std::span<float> first = std::span(want).first(kVocab);
  history.apply_penalties(params, first);
  std::vector<std::pair<std::uint32_t, float>> pairs;
  for (std::size_t i = 0; i < bias.size(); ++i) pairs.emplace_back(bias_ids[i], bias[i]);
  engine::add_bias(pairs, first);
  engine::mask_tokens(forbidden, first);
  for (std::size_t id = 0; id < kVocab; ++id) {
    if ((allowed[id / 32] >> (id % 32) & 1U) == 0) want[kVocab + id] = -kInfinity;
  }

  using Penalties = kernels::cuda::LogitAdjustments::Penalties;
  const std::vector<Penalties> penalties = {
      {params.repetition_penalty, params.frequency_penalty, params.presence_penalty}, {}};
  const auto offsets = [](std::size_t count) {
    return std::vector<std::uint32_t>{0, static_cast<std::uint32_t>(count),
                                      static_cast<std::uint32_t>(count)};
  };
  kernels::cuda::AdjustLogitsArgs args{};
  ASSIGN_OR_RETURN(args.logits, gpu.upload(logits));
  ASSIGN_OR_RETURN(args.adjustments.penalties, gpu.upload(penalties));
  ASSIGN_OR_RETURN(args.adjustments.seen_offsets, gpu.upload(offsets(seen.size())));
  ASSIGN_OR_RETURN(args.adjustments.seen_ids, gpu.upload(seen));
  ASSIGN_OR_RETURN(args.adjustments.seen_counts, gpu.upload(counts));
  ASSIGN_OR_RETURN(args.adjustments.bias_offsets, gpu.upload(offsets(bias.size())));
  ASSIGN_OR_RETURN(args.adjustments.bias_ids, gpu.upload(bias_ids));
  ASSIGN_OR_RETURN(args.adjustments.bias_values, gpu.upload(bias));
  ASSIGN_OR_RETURN(args.adjustments.forbidden_offsets, gpu.upload(offsets(forbidden.size())));
  ASSIGN_OR_RETURN(args.adjustments.forbidden_ids, gpu.upload(forbidden));
  ASSIGN_OR_RETURN(args.adjustments.mask_rows, gpu.upload(std::vector<std::int32_t>{-1, 0}));
  ASSIGN_OR_RETURN(args.adjustments.allowed, gpu.upload(allowed));
  args.num_rows = kRows;
  args.vocab_size = kVocab;
  RETURN_IF_ERROR(check_cuda(kernels::cuda::launch_adjust_logits(args, gpu.stream.get()),
                             "launch_adjust_logits"));
  ASSIGN_OR_RETURN(const auto got, gpu.download(args.logits, want.size()));
  report.same("penalties, bias and masks", want, got);
  return {};
}

Status check_logprobs(Gpu& gpu, Report& report, std::size_t vocab) {
  gpu.arena.reset();
  constexpr int kTop = 20;
  constexpr std::size_t kRows = 3;
  const std::vector<float> logits = peaked_logits(kRows * vocab, 950);
  const std::vector<std::uint32_t> chosen = {0, static_cast<std::uint32_t>(vocab / 2),
                                             static_cast<std::uint32_t>(vocab - 1)};
  kernels::cuda::LogprobsArgs args{};
  ASSIGN_OR_RETURN(args.logits, gpu.upload(logits));
  ASSIGN_OR_RETURN(args.token_ids, gpu.upload(chosen));
  ASSIGN_OR_RETURN(args.logprobs, gpu.poisoned<float>(kRows));
  ASSIGN_OR_RETURN(args.ranks, gpu.poisoned<std::uint32_t>(kRows));
  ASSIGN_OR_RETURN(args.top_ids, gpu.poisoned<std::uint32_t>(kRows * kTop));
  ASSIGN_OR_RETURN(args.top_logprobs, gpu.poisoned<float>(kRows * kTop));
  args.num_rows = kRows;
  args.vocab_size = static_cast<int>(vocab);
  args.num_top = kTop;
  RETURN_IF_ERROR(
      check_cuda(kernels::cuda::launch_logprobs(args, gpu.stream.get()), "launch_logprobs"));
  ASSIGN_OR_RETURN(const auto logprobs, gpu.download(args.logprobs, kRows));
  ASSIGN_OR_RETURN(const auto ranks, gpu.download(args.ranks, kRows));
  ASSIGN_OR_RETURN(const auto top_ids, gpu.download(args.top_ids, kRows * kTop));
  ASSIGN_OR_RETURN(const auto top_logprobs, gpu.download(args.top_logprobs, kRows * kTop));

  std::vector<double> want_logprobs;
  std::vector<float> got_logprobs;
  std::vector<std::uint32_t> want_ids;
  std::vector<std::uint32_t> got_ids;
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto want =
        engine::token_logprobs(std::span(logits).subspan(row * vocab, vocab), chosen[row], kTop);
    want_logprobs.push_back(want.logprob);
    got_logprobs.push_back(logprobs[row]);
    want_ids.push_back(want.rank);
    got_ids.push_back(ranks[row]);
    for (std::size_t i = 0; i < kTop; ++i) {
      want_logprobs.push_back(want.top[i].second);
      got_logprobs.push_back(top_logprobs[(row * kTop) + i]);
      want_ids.push_back(want.top[i].first);
      got_ids.push_back(top_ids[(row * kTop) + i]);
    }
  }
  report.same(format("logprobs vocab={}: ranks and alternatives", vocab), want_ids, got_ids);
  report.compare(format("logprobs vocab={}", vocab), want_logprobs,
                 std::span<const float>(got_logprobs), 0x1p-22);
  return {};
}

}  // namespace

Status run_sampling_cases(Gpu& gpu, Report& report) {
  for (const std::size_t vocab : {97U, 5000U, 128'256U}) {
    RETURN_IF_ERROR(check_vocab(gpu, report, vocab, false));
  }
  RETURN_IF_ERROR(check_vocab(gpu, report, 151'936, true));
  RETURN_IF_ERROR(check_failures(gpu, report));
  RETURN_IF_ERROR(check_adjustments(gpu, report));
  for (const std::size_t vocab : {97U, 128'256U}) {
    RETURN_IF_ERROR(check_logprobs(gpu, report, vocab));
  }
  return {};
}

}  // namespace penstock::gpu_test
