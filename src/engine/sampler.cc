#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/philox.h"

namespace penstock::engine {
namespace {

constexpr TokenId kDrawBlockIds = 512;

}  // namespace

Result<TokenId> argmax(std::span<const float> logits) {
  // Eight independent maxima keep the scan out of one dependency chain; NaN is found by its sum
  // with zero, which is the only value that is not equal to itself.
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> best;
  best.fill(-std::numeric_limits<float>::infinity());
  std::array<bool, kLanes> has_nan{};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float logit = logits[i];
    float& lane = best[i % kLanes];
    lane = logit > lane ? logit : lane;
    has_nan[i % kLanes] |= logit != logit;
  }
  if (std::ranges::find(has_nan, true) != has_nan.end()) {
    return make_error(ErrorCode::kInternal, "the model's logits contain NaN");
  }
  const float max = *std::ranges::max_element(best);
  if (!std::isfinite(max)) {
    return make_error(ErrorCode::kInternal, "no token is possible: the largest logit is {}", max);
  }
  return static_cast<TokenId>(std::ranges::find(logits, max) - logits.begin());
}

Sampler::Sampler(std::uint32_t vocab_size) {
  candidates_.reserve(vocab_size);
}

Result<TokenId> Sampler::sample(std::span<const float> logits, const SamplingParams& params,
                                DrawCounter counter) {
  ASSIGN_OR_RETURN(const TokenId best, argmax(logits));
  if (params.temperature == 0.0F) return best;

  const float scale = 1.0F / params.temperature;
  const float max = logits[best];
  candidates_.clear();
  in_id_order_ = true;
  for (TokenId id = 0; id < logits.size(); ++id) {
    const float weight = std::exp((logits[id] - max) * scale);
    if (weight > 0) candidates_.push_back({id, weight});
  }
  cut_top_k(params.top_k);
  cut_top_p(params.top_p);
  cut_min_p(params.min_p);
  return draw(sampling_draw(params.seed, counter.output_index, counter.choice_number));
}

// The first `num_sorted` candidates become the best ones, best first, ties by lowest id.
void Sampler::sort_best_first(std::size_t num_sorted) {
  const auto middle = candidates_.begin() + static_cast<std::ptrdiff_t>(num_sorted);
  std::partial_sort(candidates_.begin(), middle, candidates_.end(),
                    [](const Candidate& a, const Candidate& b) {
                      return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
                    });
  in_id_order_ = false;
}

void Sampler::cut_top_k(std::uint32_t top_k) {
  if (top_k == 0 || top_k >= candidates_.size()) return;
  sort_best_first(top_k);
  candidates_.resize(top_k);
}

// Keeps the fewest best candidates whose probabilities reach top_p.
void Sampler::cut_top_p(float top_p) {
  if (top_p >= 1.0F) return;
  double total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  const double wanted = total * static_cast<double>(top_p);
  // Mass usually sits in few tokens: sort those first and more only when they do not suffice.
  double sum = 0;
  std::size_t num_kept = 0;
  for (std::size_t num_sorted = 64; num_kept < candidates_.size(); num_sorted *= 8) {
    num_sorted = std::min(num_sorted, candidates_.size());
    sort_best_first(num_sorted);
    sum = 0;
    num_kept = 0;
    while (num_kept < num_sorted && sum < wanted) sum += candidates_[num_kept++].weight;
    if (sum >= wanted || num_sorted == candidates_.size()) break;
  }
  candidates_.resize(std::max<std::size_t>(num_kept, 1));
}

// Keeps candidates at least min_p times as likely as the best one, whose weight is 1.
void Sampler::cut_min_p(float min_p) {
  if (min_p > 0) std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < min_p; });
}

TokenId Sampler::draw(float uniform) {
  CHECK(!candidates_.empty());
  if (!in_id_order_) std::ranges::sort(candidates_, {}, &Candidate::id);
  // Sums per block of ids, then over blocks: the shape every device can add in.
  const auto block_end = [this](std::size_t from) {
    const TokenId block = candidates_[from].id / kDrawBlockIds;
    std::size_t to = from;
    while (to < candidates_.size() && candidates_[to].id / kDrawBlockIds == block) ++to;
    return to;
  };
  const auto block_sum = [this](std::size_t from, std::size_t to) {
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) sum += candidates_[i].weight;
    return sum;
  };
  double total = 0;
  for (std::size_t from = 0; from < candidates_.size(); from = block_end(from)) {
    total += block_sum(from, block_end(from));
  }
  const double target = total * static_cast<double>(uniform);
  double before = 0;
  for (std::size_t from = 0; from < candidates_.size();) {
    const std::size_t to = block_end(from);
    const double sum = block_sum(from, to);
    if (before + sum > target || to == candidates_.size()) {
      double reached = before;
      for (std::size_t i = from; i < to; ++i) {
        reached += candidates_[i].weight;
        if (reached > target) return candidates_[i].id;
      }
      // Rounding left the target at the very end: the last possible token.
      return candidates_[to - 1].id;
    }
    before += sum;
    from = to;
  }
  return candidates_.back().id;
}

}  // namespace penstock::engine
