#include "engine/mock_runner.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <thread>

#include "base/check.h"
#include "base/hash.h"
#include "engine/logits.h"

namespace penstock::engine {
namespace {

// Longest sleep of one step: whatever timing was asked for, a stop is not late by more.
constexpr Duration kMostStepTime = std::chrono::seconds(10);
// More than any request may forbid, so a search through them ends.
constexpr std::uint32_t kMaxAttempts = 4096;

template <std::size_t N>
std::uint64_t hash_words(const std::array<std::uint64_t, N>& words) noexcept {
  return xxh3_64(std::as_bytes(std::span(words)), 0);
}

std::uint64_t hash_of(const Draw& draw) noexcept {
  const SamplingParams& sampling = draw.request.sampling;
  return hash_words<4>({xxh3_64(std::as_bytes(std::span(draw.request.prompt)), 0),
                        sampling.temperature > 0 ? sampling.seed : 0, draw.generated.size(),
                        sampling.temperature > 0 ? draw.choice_number : 0});
}

bool is_forbidden(TokenId id, const Draw& draw) {
  return std::ranges::any_of(draw.request.bad_sequences, [&](const auto& sequence) {
    return sequence.back() == id && would_complete(sequence, draw.generated);
  });
}

}  // namespace

Duration MockTiming::of(const sched::StepWork& work) const noexcept {
  if (speedup <= 0) return {};
  const double us =
      (fixed_us + per_row_us * work.rows + per_attended_ns * 1e-3 * work.attended) / speedup;
  return std::min(Duration(std::llround(std::min(us, 1e12) * 1e3)), kMostStepTime);
}

MockRunner::MockRunner(MockOptions options) : options_(std::move(options)) {
  CHECK(!options_.drawn_ids.empty());
  CHECK(std::ranges::max(options_.drawn_ids) < options_.vocab_size);
}

void MockRunner::prepare(const sched::StepPlan& plan, const sched::Scheduler& /*scheduler*/) {
  work_ = plan.work;
}

void MockRunner::forward() {
  const Duration time = options_.timing.of(work_);
  if (time > Duration::zero()) std::this_thread::sleep_for(time);
}

TokenId MockRunner::candidate(std::uint64_t hash, std::uint32_t attempt,
                              std::span<const TokenId> ids) const noexcept {
  return ids[hash_words<2>({hash, attempt}) % ids.size()];
}

Result<SampledToken> MockRunner::sample(std::size_t /*i*/, const Draw& draw) {
  const std::uint64_t hash = hash_of(draw);
  const std::vector<TokenId>& allowed = draw.request.allowed_token_ids;
  const std::span<const TokenId> ids = allowed.empty() ? options_.drawn_ids : allowed;
  for (std::uint32_t attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const TokenId id = candidate(hash, attempt, ids);
    if (is_forbidden(id, draw)) continue;
    SampledToken token{.id = id};
    if (draw.request.logprobs >= 0) token.logprobs = logprobs_of(hash, id, draw.request.logprobs);
    return token;
  }
  return make_error(ErrorCode::kInvalid,
                    "bad_words and allowed_token_ids leave no token: forbid fewer, allow more");
}

TokenLogprobs MockRunner::prompt_logprobs(std::size_t /*i*/, std::uint32_t j, TokenId next,
                                          int num_top) {
  return logprobs_of(hash_words<2>({j, next}), next, num_top);
}

// The token itself is the most likely one, each of the others e times less likely than the last.
TokenLogprobs MockRunner::logprobs_of(std::uint64_t hash, TokenId id, int num_top) const {
  TokenLogprobs logprobs;
  logprobs.logprob = -0.5F - static_cast<float>(hash % 1000) * 1e-3F;
  for (std::uint32_t attempt = 0; std::cmp_less(logprobs.top.size(), num_top); ++attempt) {
    const TokenId other = logprobs.top.empty() ? id : candidate(~hash, attempt, options_.drawn_ids);
    const bool is_new = std::ranges::none_of(
        logprobs.top, [other](const auto& entry) { return entry.first == other; });
    if (!is_new) {
      if (attempt >= kMaxAttempts) break;
      continue;
    }
    logprobs.top.emplace_back(other, logprobs.logprob - static_cast<float>(logprobs.top.size()));
  }
  return logprobs;
}

}  // namespace penstock::engine
