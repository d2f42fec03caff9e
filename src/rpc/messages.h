// The request plane's messages as plain structs: what a frontend and a worker say to each other.
//
// The in-process channel passes these as they are; the framed codec (protobuf `penstock.v1`) is
// the only other place that sees them. Times are remaining microseconds: each hop measures on with
// its own monotonic clock. Threading: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace penstock::rpc {

using TokenId = std::uint32_t;

enum class Leg : std::uint8_t { kWhole, kPrefill, kDecode };

// Which attempt of which prompt of which request. A request with several prompts is several
// submits; a higher attempt replaces a lower one.
struct RequestKey {
  std::string request_id;  // at most 128 bytes
  std::uint32_t prompt_index = 0;
  std::uint32_t attempt = 1;
  Leg leg = Leg::kWhole;
  friend bool operator==(const RequestKey&, const RequestKey&) = default;
};

// All set by the frontend: a worker has no defaults of its own.
struct Sampling {
  float temperature = 1.0F;  // 0 = greedy
  float top_p = 1.0F;
  float min_p = 0.0F;
  std::int32_t top_k = 0;  // 0 = all
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  float repetition_penalty = 1.0F;
  std::uint64_t seed = 0;
};

// One choice to run here, with the output tokens it has already (a migrated request).
struct SubmitSequence {
  std::uint32_t sequence = 0;  // choice number p * n + k
  std::vector<TokenId> generated;
};

struct Submit {
  RequestKey key;
  std::uint64_t submit_number = 0;  // per (frontend epoch, worker epoch), from 1
  std::uint32_t migrations = 0;
  std::string model;
  std::uint32_t dp_rank = 0;
  std::vector<TokenId> token_ids;
  std::uint32_t n = 1;
  std::vector<SubmitSequence> sequences;
  std::uint32_t max_tokens = 0;  // for the whole choice, `generated` included
  std::uint32_t min_tokens = 0;
  Sampling sampling;
  std::vector<std::pair<TokenId, float>> logit_bias;
  std::vector<TokenId> allowed_token_ids;
  std::vector<std::vector<TokenId>> bad_sequences;
  std::vector<TokenId> stop_token_ids;
  std::vector<TokenId> eos_token_ids;
  bool ignore_eos = false;
  std::int32_t logprobs = -1;  // number of top alternatives; -1 = none wanted
  std::int32_t prompt_logprobs = -1;
  std::int64_t remaining_us = 0;  // to the deadline, when sent
  std::uint64_t age_us = 0;       // since ingress, when sent
  std::string tenant = "default";
  float weight = 1.0F;
  std::uint32_t strict_priority = 0;
  std::int32_t priority = 0;
  std::string salt;  // enters the hash seed; empty = public
};

struct Cancel {
  std::string request_id;
  std::uint32_t prompt_index = 0;
  std::uint32_t attempt = 1;
  std::optional<std::uint32_t> sequence;  // unset = all
  std::string reason;
};

struct Ping {
  std::uint64_t n = 0;
};

// Forget all cached prefixes; answered by KvCleared with the same number.
struct ClearKv {
  std::uint64_t n = 0;
};

enum class FinishKind : std::uint8_t {
  kNone,
  kStop,  // EOS or a stop id
  kLength,
  kHandoff,
  kDeadline,
  kCancelled,
  kError,
};

enum class WorkerErrorCode : std::uint8_t {
  kInvalid,
  kGrammar,
  kKvCapacity,
  kOverloaded,
  kDraining,
  kSlowConsumer,
  kInternal,
};

struct Finish {
  FinishKind kind = FinishKind::kNone;
  std::optional<TokenId> stop_token_id;                // kStop
  WorkerErrorCode error = WorkerErrorCode::kInternal;  // kError
  std::string message;                                 // kError
};

struct TokenLogprobs {
  float logprob = 0.0F;
  std::uint32_t rank = 0;                      // 0 = the most likely token
  std::vector<std::pair<TokenId, float>> top;  // most likely first
};

struct Output {
  RequestKey key;
  std::uint32_t sequence = 0;
  std::uint32_t position = 0;  // output index of token_ids[0]
  std::vector<TokenId> token_ids;
  std::vector<TokenLogprobs> logprobs;         // one per token, when asked
  std::vector<TokenLogprobs> prompt_logprobs;  // first output only: all but the prompt's first
  Finish finish;
  std::uint32_t cached_tokens = 0;  // first output: prompt tokens not computed
  std::uint64_t queue_us = 0;       // first and last output
  std::uint64_t prefill_us = 0;
  std::uint64_t steps = 0;
};

// What a rank carries; rides in StepOutputs.
struct Load {
  std::uint64_t seq = 0;
  std::uint32_t running = 0;
  std::uint32_t waiting = 0;
  std::uint64_t active_prefill_tokens = 0;
  std::uint64_t kv_blocks_total = 0;
  std::uint64_t kv_blocks_active = 0;
  std::uint64_t kv_blocks_waiting = 0;
  std::uint64_t kv_blocks_cached = 0;
  double step_us = 0;
  double prefill_tokens_per_s = 0;
  std::uint64_t progress = 0;         // step counter
  std::uint64_t included_submit = 0;  // last submit of this frontend contained in the numbers
};

// One per engine step and frontend.
struct StepOutputs {
  std::uint64_t worker_id = 0;
  std::uint32_t dp_rank = 0;
  std::uint64_t step = 0;
  Load load;
  std::vector<Output> outputs;
};

struct GoAway {
  std::string reason;
  std::int64_t remaining_us = 0;
};

struct Pong {
  std::uint64_t n = 0;
  std::uint32_t dp_rank = 0;
  std::uint64_t step = 0;
};

// After a GoAway: the worker takes new requests again.
struct ComeBack {};

struct KvCleared {
  std::uint64_t n = 0;
  std::uint32_t dp_rank = 0;
  std::uint32_t num_freed = 0;  // blocks
};

using DownMessage = std::variant<Submit, Cancel, Ping, ClearKv>;  // frontend to worker
using UpMessage = std::variant<StepOutputs, GoAway, Pong, ComeBack, KvCleared>;  // and back

// About how many bytes a message occupies: what send queues are bounded in.
[[nodiscard]] std::size_t approximate_bytes(const DownMessage& message) noexcept;
[[nodiscard]] std::size_t approximate_bytes(const UpMessage& message) noexcept;

}  // namespace penstock::rpc
