#include "kernels/cuda/logits.h"

#include <cstddef>

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/sort_key.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 1024;

__device__ void penalize(const LogitAdjustments& by, std::size_t row, int vocab, float* logits) {
  const LogitAdjustments::Penalties penalties = by.penalties[row];
  const std::uint32_t end = by.seen_offsets[row + 1];
  for (std::uint32_t i = by.seen_offsets[row] + threadIdx.x; i < end; i += kNumThreads) {
    const std::uint32_t id = by.seen_ids[i];
    if (id >= static_cast<std::uint32_t>(vocab)) continue;
    float logit = logits[id];
    logit = logit > 0.0F ? logit / penalties.repetition : logit * penalties.repetition;
    const std::uint32_t count = by.seen_counts[i];
    if (count > 0) logit -= (penalties.frequency * static_cast<float>(count)) + penalties.presence;
    logits[id] = logit;
  }
  __syncthreads();
}

// A block per row; a step reads what the step before wrote, hence the barriers.
__global__ void __launch_bounds__(kNumThreads) adjust_kernel(AdjustLogitsArgs args) {
  const std::size_t row = blockIdx.x;
  const LogitAdjustments& by = args.adjustments;
  const auto vocab = static_cast<std::uint32_t>(args.vocab_size);
  float* logits = args.logits + (row * vocab);
  if (by.penalties != nullptr) penalize(by, row, args.vocab_size, logits);
  if (by.bias_offsets != nullptr) {
    const std::uint32_t end = by.bias_offsets[row + 1];
    for (std::uint32_t i = by.bias_offsets[row] + threadIdx.x; i < end; i += kNumThreads) {
      if (by.bias_ids[i] < vocab) logits[by.bias_ids[i]] += by.bias_values[i];
    }
    __syncthreads();
  }
  if (by.forbidden_offsets != nullptr) {
    const std::uint32_t end = by.forbidden_offsets[row + 1];
    for (std::uint32_t i = by.forbidden_offsets[row] + threadIdx.x; i < end; i += kNumThreads) {
      if (by.forbidden_ids[i] < vocab) logits[by.forbidden_ids[i]] = -INFINITY;
    }
  }
  if (by.mask_rows == nullptr || by.mask_rows[row] < 0) return;
  const std::size_t num_words = (static_cast<std::size_t>(vocab) + 31) / 32;
  const std::uint32_t* allowed =
      by.allowed + (static_cast<std::size_t>(by.mask_rows[row]) * num_words);
  for (std::uint32_t id = threadIdx.x; id < vocab; id += kNumThreads) {
    if (((allowed[id / 32] >> (id % 32)) & 1U) == 0) logits[id] = -INFINITY;
  }
}

// A block per row: one pass for the sum and the rank, one for each alternative.
__global__ void __launch_bounds__(kNumThreads) logprobs_kernel(LogprobsArgs args) {
  __shared__ std::uint64_t fold_keys[kNumThreads / 32];
  __shared__ double fold_doubles[kNumThreads / 32];
  __shared__ std::uint32_t fold_counts[kNumThreads / 32];
  const std::size_t row = blockIdx.x;
  const float* logits = args.logits + (row * args.vocab_size);
  const float chosen = logits[args.token_ids[row]];

  const auto best_below = [&](std::uint64_t limit) {
    std::uint64_t best = 0;
    for (int id = static_cast<int>(threadIdx.x); id < args.vocab_size; id += kNumThreads) {
      const std::uint64_t key = make_key(logits[id], static_cast<std::uint32_t>(id));
      if (key < limit) best = larger(best, key);
    }
    return fold_block(best, fold_keys, larger);
  };
  std::uint64_t best = best_below(~std::uint64_t{0});
  const float max = logits[token_of_key(best)];
  double sum = 0.0;
  std::uint32_t rank = 0;
  for (int id = static_cast<int>(threadIdx.x); id < args.vocab_size; id += kNumThreads) {
    const float logit = logits[id];
    sum += exp(static_cast<double>(logit - max));
    rank += logit > chosen ? 1U : 0U;
  }
  const double log_sum = static_cast<double>(max) + log(sum_block(sum, fold_doubles));
  rank = sum_block(rank, fold_counts);
  if (threadIdx.x == 0) {
    args.logprobs[row] = static_cast<float>(static_cast<double>(chosen) - log_sum);
    args.ranks[row] = rank;
  }
  for (int i = 0; i < args.num_top; ++i) {
    if (i > 0) best = best_below(best);
    if (threadIdx.x == 0) {
      const std::uint32_t id = token_of_key(best);
      const std::size_t at = (row * args.num_top) + i;
      args.top_ids[at] = id;
      args.top_logprobs[at] = static_cast<float>(static_cast<double>(logits[id]) - log_sum);
    }
  }
}

}  // namespace

cudaError_t launch_adjust_logits(const AdjustLogitsArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.vocab_size < 1) return cudaErrorInvalidValue;
  adjust_kernel<<<args.num_rows, kNumThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t launch_logprobs(const LogprobsArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.vocab_size < 1 || args.num_top < 0 ||
      args.num_top > args.vocab_size) {
    return cudaErrorInvalidValue;
  }
  logprobs_kernel<<<args.num_rows, kNumThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
