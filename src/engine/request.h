// What the engine is asked to do, and what it says back: values that know nothing of frontends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "kv/kv_event.h"
#include "kv/sequence_hash.h"

namespace penstock::engine {

using TokenId = std::uint32_t;
// Chosen by the asker, unique among live requests.
using RequestHandle = StrongId<struct RequestHandleTag, std::uint64_t>;

struct SamplingParams {
  float temperature = 1.0F;  // 0 = greedy
  float top_p = 1.0F;        // (0, 1]
  float min_p = 0.0F;        // [0, 1]
  std::uint32_t top_k = 0;   // 0 = all
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  float repetition_penalty = 1.0F;
  std::uint64_t seed = 0;
};

// One choice, with the output it has already (a migrated request).
struct Choice {
  std::uint32_t number = 0;  // p * n + k: the second word of the sampling counter
  std::vector<TokenId> generated;
};

struct EngineRequest {
  RequestHandle handle;
  std::string owner;  // for the ledger and the log
  std::vector<TokenId> prompt;
  std::vector<Choice> choices;
  std::uint32_t max_tokens = 1;  // of output, `generated` included
  std::uint32_t min_tokens = 0;
  SamplingParams sampling;
  std::vector<std::pair<TokenId, float>> logit_bias;
  std::vector<TokenId> allowed_token_ids;           // all others are masked; empty = all allowed
  std::vector<std::vector<TokenId>> bad_sequences;  // never generated, each of at least one token
  std::vector<TokenId> stop_token_ids;
  std::vector<TokenId> eos_token_ids;
  bool ignore_eos = false;
  int logprobs = -1;         // alternatives per token; -1 = none at all
  int prompt_logprobs = -1;  // as logprobs, of the prompt, which is then computed whole
  MonotonicTime arrival;
  MonotonicTime deadline = MonotonicTime::max();
  std::string tenant = "default";
  double weight = 1;  // of the tenant
  std::uint32_t strict_priority = 0;
  std::int32_t priority = 0;
  std::uint32_t migrations = 0;
  bool uses_prefix_cache = true;
  std::uint64_t hash_seed = kv::kChainSeed;  // of its KV blocks: equal seeds share them
};

enum class FinishReason : std::uint8_t {
  kNone,
  kStop,
  kLength,
  kDeadline,
  kCancelled,
  kInvalid,     // the request breaks a rule of this engine
  kKvCapacity,  // it can never fit the pool
  kOverloaded,  // the queue is full
  kDraining,    // no new requests are taken
  kInternal,    // this sequence failed; others go on
};
inline constexpr std::size_t kNumFinishReasons = 10;
// As in metrics and traces.
[[nodiscard]] std::string_view to_string(FinishReason reason) noexcept;
// The asker gets an error.
[[nodiscard]] constexpr bool is_failure(FinishReason reason) noexcept {
  return reason >= FinishReason::kInvalid;
}

struct TokenLogprobs {
  float logprob = 0.0F;
  std::uint32_t rank = 0;                      // tokens that are more likely
  std::vector<std::pair<TokenId, float>> top;  // most likely first
};

// What one choice got in one step.
struct ChoiceOutput {
  RequestHandle handle;
  std::uint32_t choice = 0;
  std::uint32_t position = 0;  // output index of token_ids[0]
  std::vector<TokenId> token_ids;
  std::vector<TokenLogprobs> logprobs;  // one per token, when asked
  // First output of the request, when asked: one per prompt token but the first.
  std::vector<TokenLogprobs> prompt_logprobs;
  FinishReason finish = FinishReason::kNone;
  std::optional<TokenId> stop_token_id;  // kStop
  std::string message;                   // the failures
  std::uint32_t cached_tokens = 0;       // first output
  // First and last output: time in each phase so far, which add up to the time since arrival
  // (engine/phase_clock.h), and what it took.
  Duration queue_time{};
  Duration prefill_time{};
  Duration decode_time{};
  Duration preempted_time{};
  std::uint64_t num_steps = 0;
  std::uint32_t num_preemptions = 0;
};

// What the engine carries, for routers and operators.
struct EngineLoad {
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
  std::uint64_t active_prefill_tokens = 0;
  std::uint64_t kv_blocks_total = 0;
  std::uint64_t kv_blocks_active = 0;
  std::uint64_t kv_blocks_cached = 0;
  std::uint64_t kv_blocks_waiting = 0;
  std::uint64_t preemptions = 0;    // since the start
  double step_us = 0;               // decayed
  double prefill_tokens_per_s = 0;  // decayed
};

// The prefix cache was cleared, as asked for by EngineLoop::clear_cache(n).
struct CacheCleared {
  std::uint64_t n = 0;
  std::uint32_t num_freed = 0;  // blocks
};

// Everything one step brought. A report without outputs still carries load and progress.
struct StepReport {
  std::uint64_t step = 0;
  EngineLoad load;
  std::vector<ChoiceOutput> outputs;
  std::vector<std::uint64_t> echoes;  // pings that came in since the last report
  std::vector<CacheCleared> clears;
  std::vector<kv::KvEvent> kv_events;  // in order; none without prefix caching
};

}  // namespace penstock::engine
