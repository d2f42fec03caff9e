// A block per row. The cuts all end as one 64-bit threshold: a candidate's key is its weight's bits
// over the complement of its id, so that "the best n, ties by lowest id" is "keys from a certain
// one up", and the draw is one pass with one comparison.
//
// Top-k and top-p need the best candidates in order. A histogram of the weights' leading bits says
// from which bin on they surely are; those are gathered, sorted and walked one by one as the CPU
// does. When they are more than the sort holds, the threshold is searched bit by bit instead.
#include "kernels/cuda/sampling.h"

#include <cstddef>

#include "kernels/cuda/block_reduce.cuh"

namespace penstock::kernels::cuda {
namespace {

constexpr int kNumThreads = 1024;
constexpr int kDrawBlockIds = 512;
constexpr int kNumBins = 2048;
constexpr int kBinShift = 19;  // weights are at most 1.0: their bits' top 12 are below 2,048
constexpr float kMassUnits = 0x1p40F;
constexpr std::uint64_t kLeastKey = std::uint64_t{1} << 32;  // of a weight above zero

static_assert(kMaxSampledVocab <= kNumThreads * kDrawBlockIds, "a thread sums one block of ids");

struct Shared {
  std::uint64_t candidates[kMaxSortedCandidates];
  std::uint64_t bin_mass[kNumBins];  // in 2^-40, each weight rounded down: sums in any order
  std::uint32_t bin_count[kNumBins];
  double block_sums[kNumThreads];
  double fold_doubles[kNumThreads / 32];
  std::uint32_t fold_counts[kNumThreads / 32];
  std::uint64_t cutoff;
  double total;
  std::uint32_t first_bin;
  std::uint32_t num_candidates;  // in bins from first_bin up
  std::uint32_t num_possible;    // in all
  std::uint32_t num_gathered;
};

// Philox4x32-10 (base/philox.h): the first word for (output index, choice number, 0, 0).
__device__ float philox_uniform(const SamplingRow& row) {
  std::uint32_t c0 = row.output_index;
  std::uint32_t c1 = row.choice_number;
  std::uint32_t c2 = 0;
  std::uint32_t c3 = 0;
  auto k0 = static_cast<std::uint32_t>(row.seed);
  auto k1 = static_cast<std::uint32_t>(row.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c0;
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return (static_cast<float>(c0 >> 9) + 0.5F) * 0x1p-23F;
}

__device__ __forceinline__ std::uint64_t weight_key(float weight, int id) {
  return (static_cast<std::uint64_t>(__float_as_uint(weight)) << 32) |
         ~static_cast<std::uint32_t>(id);
}
__device__ __forceinline__ float weight_of(std::uint64_t key) {
  return __uint_as_float(static_cast<std::uint32_t>(key >> 32));
}

// Weights of the row, and the histogram of those above zero when a cut will want it.
__device__ void weigh(const float* logits, float max, float scale, int vocab, bool wants_bins,
                      float* weights, Shared& shared) {
  for (int bin = static_cast<int>(threadIdx.x); bin < kNumBins; bin += kNumThreads) {
    shared.bin_mass[bin] = 0;
    shared.bin_count[bin] = 0;
  }
  __syncthreads();
  for (int id = static_cast<int>(threadIdx.x); id < vocab; id += kNumThreads) {
    const auto weight = static_cast<float>(exp(static_cast<double>((logits[id] - max) * scale)));
    weights[id] = weight;
    if (!wants_bins || !(weight > 0.0F)) continue;
    const std::uint32_t bin = __float_as_uint(weight) >> kBinShift;
    atomicAdd(&shared.bin_count[bin], 1U);
    atomicAdd(reinterpret_cast<unsigned long long*>(&shared.bin_mass[bin]),
              static_cast<unsigned long long>(__float2ull_rz(weight * kMassUnits)));
  }
  __syncthreads();
}

// block_sums[b] = the kept weights of ids [512 b, 512 b + 512), added in id order; then their
// total.
__device__ double sum_kept(const float* weights, int vocab, std::uint64_t cutoff, Shared& shared) {
  const int first = static_cast<int>(threadIdx.x) * kDrawBlockIds;
  double sum = 0.0;
  if (first < vocab) {
    const int end = first + kDrawBlockIds < vocab ? first + kDrawBlockIds : vocab;
#pragma unroll 8
    for (int id = first; id < end; ++id) {
      const float weight = weights[id];
      sum += weight_key(weight, id) >= cutoff ? static_cast<double>(weight) : 0.0;
    }
  }
  shared.block_sums[threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    double total = 0.0;
    for (int block = 0; block * kDrawBlockIds < vocab; ++block) total += shared.block_sums[block];
    shared.total = total;
  }
  __syncthreads();
  return shared.total;
}

// The highest bin from which up there are at least `count` candidates and at least `mass`; 0 when
// there never are. One warp: 64 bins a lane, highest bins first.
__device__ void find_first_bin(std::uint32_t count, std::uint64_t mass, Shared& shared) {
  if (threadIdx.x < 32) {
    constexpr int kBinsPerLane = kNumBins / 32;
    const int top = kNumBins - 1 - (static_cast<int>(threadIdx.x) * kBinsPerLane);
    std::uint32_t lane_count = 0;
    std::uint64_t lane_mass = 0;
    for (int i = 0; i < kBinsPerLane; ++i) {
      lane_count += shared.bin_count[top - i];
      lane_mass += shared.bin_mass[top - i];
    }
    std::uint32_t count_before = 0;
    std::uint64_t mass_before = 0;
    for (int lane = 0; lane < 32; ++lane) {
      const std::uint32_t other_count = __shfl_sync(0xFFFFFFFFU, lane_count, lane);
      const std::uint64_t other_mass = __shfl_sync(0xFFFFFFFFU, lane_mass, lane);
      if (lane < static_cast<int>(threadIdx.x)) {
        count_before += other_count;
        mass_before += other_mass;
      }
    }
    if (threadIdx.x == 31) {
      shared.first_bin = 0;
      shared.num_candidates = count_before + lane_count;
      shared.num_possible = count_before + lane_count;
    }
    __syncwarp();
    const bool was_enough = count_before >= count && mass_before >= mass;
    const bool is_enough = count_before + lane_count >= count && mass_before + lane_mass >= mass;
    if (!was_enough && is_enough) {
      int bin = top + 1;
      while (count_before < count || mass_before < mass) {
        --bin;
        count_before += shared.bin_count[bin];
        mass_before += shared.bin_mass[bin];
      }
      shared.first_bin = static_cast<std::uint32_t>(bin);
      shared.num_candidates = count_before;
    }
  }
  __syncthreads();
}

// Gathers the candidates from first_bin up and sorts them, best first.
__device__ void sort_candidates(const float* weights, int vocab, Shared& shared) {
  if (threadIdx.x == 0) shared.num_gathered = 0;
  int padded = 2;
  while (padded < static_cast<int>(shared.num_candidates)) padded *= 2;
  for (int i = static_cast<int>(threadIdx.x); i < padded; i += kNumThreads) {
    shared.candidates[i] = 0;
  }
  __syncthreads();
  for (int id = static_cast<int>(threadIdx.x); id < vocab; id += kNumThreads) {
    const float weight = weights[id];
    if (weight > 0.0F && (__float_as_uint(weight) >> kBinShift) >= shared.first_bin) {
      shared.candidates[atomicAdd(&shared.num_gathered, 1U)] = weight_key(weight, id);
    }
  }
  __syncthreads();
  // Bitonic sort (Batcher 1968); keys are distinct, so the order they came in leaves no trace.
  for (int size = 2; size <= padded; size *= 2) {
    for (int distance = size / 2; distance > 0; distance /= 2) {
      for (int i = static_cast<int>(threadIdx.x); i < padded / 2; i += kNumThreads) {
        const int low = (i / distance * distance * 2) + (i % distance);
        const std::uint64_t a = shared.candidates[low];
        const std::uint64_t b = shared.candidates[low + distance];
        if ((a < b) == ((low & size) == 0)) {
          shared.candidates[low] = b;
          shared.candidates[low + distance] = a;
        }
      }
      __syncthreads();
    }
  }
}

// The cuts over sorted candidates, one after the other as engine/sampler.cc makes them.
__device__ std::uint64_t cut_sorted(const SamplingRow& row, bool cuts_top_k, bool cuts_top_p,
                                    double total, const Shared& shared) {
  std::uint32_t num_kept = cuts_top_k ? row.top_k : shared.num_candidates;
  if (cuts_top_p) {
    if (cuts_top_k) {
      total = 0.0;
      for (std::uint32_t i = 0; i < num_kept; ++i) total += weight_of(shared.candidates[i]);
    }
    const double wanted = total * static_cast<double>(row.top_p);
    const std::uint32_t limit = num_kept;
    double sum = 0.0;
    num_kept = 0;
    while (num_kept < limit && sum < wanted) sum += weight_of(shared.candidates[num_kept++]);
    if (num_kept == 0) num_kept = 1;
  }
  return shared.candidates[num_kept - 1];
}

// The largest key from `least` up that still `is_enough`, which holds for `least`.
template <class IsEnough>
__device__ std::uint64_t search_cutoff(std::uint64_t least, IsEnough is_enough) {
  std::uint64_t low = least;
  std::uint64_t high = std::uint64_t{0x3F800001U} << 32;  // above every key: weights are at most 1
  while (high - low > 1) {
    const std::uint64_t middle = low + ((high - low) / 2);
    if (is_enough(middle)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

// The same cuts without a sorted list, for nuclei that no list here holds.
__device__ std::uint64_t cut_by_search(const SamplingRow& row, bool cuts_top_k, bool cuts_top_p,
                                       const float* weights, int vocab, Shared& shared) {
  std::uint64_t cutoff = kLeastKey;
  if (cuts_top_k) {
    cutoff = search_cutoff(cutoff, [&](std::uint64_t key) {
      std::uint32_t count = 0;
      for (int id = static_cast<int>(threadIdx.x); id < vocab; id += kNumThreads) {
        count += weight_key(weights[id], id) >= key ? 1U : 0U;
      }
      return sum_block(count, shared.fold_counts) >= row.top_k;
    });
  }
  if (!cuts_top_p) return cutoff;
  const auto mass_from = [&](std::uint64_t key) {
    double mass = 0.0;
    for (int id = static_cast<int>(threadIdx.x); id < vocab; id += kNumThreads) {
      const float weight = weights[id];
      mass += weight_key(weight, id) >= key ? static_cast<double>(weight) : 0.0;
    }
    return sum_block(mass, shared.fold_doubles);
  };
  const double wanted = mass_from(cutoff) * static_cast<double>(row.top_p);
  return search_cutoff(cutoff, [&](std::uint64_t key) { return mass_from(key) >= wanted; });
}

// A key below which nothing may be drawn.
__device__ std::uint64_t find_cutoff(const SamplingRow& row, const float* weights, int vocab,
                                     Shared& shared) {
  std::uint64_t cutoff = kLeastKey;
  const bool wants_top_p = row.top_p < 1.0F;
  if (row.top_k != 0 || wants_top_p) {
    find_first_bin(row.top_k, 0, shared);
    const bool cuts_top_k = row.top_k != 0 && row.top_k < shared.num_possible;
    double total = 0.0;
    if (wants_top_p && !cuts_top_k) {
      total = sum_kept(weights, vocab, kLeastKey, shared);
      // A hair more than wanted: the list must not end before the sum that is walked reaches it.
      const double mass = total * static_cast<double>(row.top_p) * (1.0 + 0x1p-30);
      find_first_bin(1, static_cast<std::uint64_t>(mass * kMassUnits) + 2, shared);
    }
    if (cuts_top_k || wants_top_p) {
      if (shared.num_candidates <= kMaxSortedCandidates) {
        sort_candidates(weights, vocab, shared);
        if (threadIdx.x == 0) {
          shared.cutoff = cut_sorted(row, cuts_top_k, wants_top_p, total, shared);
        }
        __syncthreads();
        cutoff = shared.cutoff;
      } else {
        cutoff = cut_by_search(row, cuts_top_k, wants_top_p, weights, vocab, shared);
      }
    }
  }
  if (row.min_p > 0.0F) {
    const std::uint64_t least = static_cast<std::uint64_t>(__float_as_uint(row.min_p)) << 32;
    cutoff = cutoff > least ? cutoff : least;
  }
  return cutoff;
}

// One thread: the first id at which the running sum passes the target.
__device__ std::uint32_t draw(const float* weights, int vocab, std::uint64_t cutoff,
                              const Shared& shared, float uniform) {
  const double target = shared.total * static_cast<double>(uniform);
  double before = 0.0;
  int chosen = -1;
  for (int block = 0; block * kDrawBlockIds < vocab; ++block) {
    const double sum = shared.block_sums[block];
    if (sum == 0.0) continue;  // nothing kept: weights are above zero
    if (chosen >= 0) before += shared.block_sums[chosen];
    chosen = block;
    if (before + sum > target) break;
  }
  const int first = chosen * kDrawBlockIds;
  const int end = first + kDrawBlockIds < vocab ? first + kDrawBlockIds : vocab;
  double reached = before;
  int last = first;
#pragma unroll 8
  for (int id = first; id < end; ++id) {
    const float weight = weights[id];
    if (weight_key(weight, id) < cutoff) continue;
    reached += weight;
    last = id;
    if (reached > target) break;
  }
  return static_cast<std::uint32_t>(last);
}

__global__ void __launch_bounds__(kNumThreads) sample_kernel(SampleArgs args) {
  extern __shared__ __align__(16) std::uint8_t bytes[];
  Shared& shared = *reinterpret_cast<Shared*>(bytes);
  const std::size_t row_index = blockIdx.x;
  const SamplingRow row = args.rows[row_index];
  const float* logits = args.logits + (row_index * args.vocab_size);
  float* weights = args.workspace + (row_index * args.vocab_size);
  const float max = logits[args.token_ids[row_index]];
  const bool had_nan = args.flags[row_index] != kRowIsFine;
  __syncthreads();  // thread 0 writes both below
  if (had_nan) return;
  if (!isfinite(max)) {
    if (threadIdx.x == 0) args.flags[row_index] = kRowIsImpossible;
    return;
  }
  if (row.temperature == 0.0F) return;

  weigh(logits, max, 1.0F / row.temperature, args.vocab_size, row.top_k != 0 || row.top_p < 1.0F,
        weights, shared);
  const std::uint64_t cutoff = find_cutoff(row, weights, args.vocab_size, shared);
  sum_kept(weights, args.vocab_size, cutoff, shared);
  if (threadIdx.x == 0) {
    args.token_ids[row_index] = draw(weights, args.vocab_size, cutoff, shared, philox_uniform(row));
  }
}

}  // namespace

cudaError_t prepare_sampling() {
  return cudaFuncSetAttribute(sample_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              static_cast<int>(sizeof(Shared)));
}

cudaError_t launch_sample(const SampleArgs& args, cudaStream_t stream) {
  if (args.num_rows < 1 || args.vocab_size < 1 || args.vocab_size > kMaxSampledVocab) {
    return cudaErrorInvalidValue;
  }
  sample_kernel<<<args.num_rows, kNumThreads, sizeof(Shared), stream>>>(args);
  return cudaGetLastError();
}

}  // namespace penstock::kernels::cuda
