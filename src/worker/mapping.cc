#include "worker/mapping.h"

#include <algorithm>

namespace penstock::worker {
namespace {

using engine::FinishReason;

Status check_is_built(const rpc::Submit& submit) {
  if (submit.key.leg != rpc::Leg::kWhole) {
    return make_error(ErrorCode::kInvalid,
                      "this worker does not offer prefill and decode legs yet");
  }
  if (submit.dp_rank != 0) {
    return make_error(ErrorCode::kInvalid, "rank {} does not exist; this worker has rank 0",
                      submit.dp_rank);
  }
  return {};
}

std::pair<rpc::FinishKind, rpc::WorkerErrorCode> to_rpc_finish(FinishReason reason) noexcept {
  using rpc::FinishKind;
  using rpc::WorkerErrorCode;
  switch (reason) {
    case FinishReason::kNone:
      return {FinishKind::kNone, {}};
    case FinishReason::kStop:
      return {FinishKind::kStop, {}};
    case FinishReason::kLength:
      return {FinishKind::kLength, {}};
    case FinishReason::kDeadline:
      return {FinishKind::kDeadline, {}};
    case FinishReason::kCancelled:
      return {FinishKind::kCancelled, {}};
    case FinishReason::kInvalid:
      return {FinishKind::kError, WorkerErrorCode::kInvalid};
    case FinishReason::kKvCapacity:
      return {FinishKind::kError, WorkerErrorCode::kKvCapacity};
    case FinishReason::kOverloaded:
      return {FinishKind::kError, WorkerErrorCode::kOverloaded};
    case FinishReason::kDraining:
      return {FinishKind::kError, WorkerErrorCode::kDraining};
    case FinishReason::kInternal:
      return {FinishKind::kError, WorkerErrorCode::kInternal};
  }
  return {FinishKind::kError, WorkerErrorCode::kInternal};
}

std::vector<rpc::TokenLogprobs> to_rpc_logprobs(std::vector<engine::TokenLogprobs> logprobs) {
  std::vector<rpc::TokenLogprobs> out;
  out.reserve(logprobs.size());
  for (engine::TokenLogprobs& entry : logprobs) {
    out.push_back({entry.logprob, entry.rank, std::move(entry.top)});
  }
  return out;
}

}  // namespace

Result<engine::EngineRequest> to_engine_request(rpc::Submit submit, engine::RequestHandle handle,
                                                MonotonicTime now) {
  RETURN_IF_ERROR(check_is_built(submit));
  engine::EngineRequest request;
  request.handle = handle;
  request.owner = std::move(submit.key.request_id);
  request.prompt = std::move(submit.token_ids);
  for (rpc::SubmitSequence& sequence : submit.sequences) {
    request.choices.push_back({sequence.sequence, std::move(sequence.generated)});
  }
  request.max_tokens = submit.max_tokens;
  request.min_tokens = submit.min_tokens;
  const rpc::Sampling& sampling = submit.sampling;
  request.sampling = {.temperature = sampling.temperature,
                      .top_p = sampling.top_p,
                      .min_p = sampling.min_p,
                      .top_k = static_cast<std::uint32_t>(std::max(sampling.top_k, 0)),
                      .presence_penalty = sampling.presence_penalty,
                      .frequency_penalty = sampling.frequency_penalty,
                      .repetition_penalty = sampling.repetition_penalty,
                      .seed = sampling.seed};
  request.logit_bias = std::move(submit.logit_bias);
  request.allowed_token_ids = std::move(submit.allowed_token_ids);
  request.bad_sequences = std::move(submit.bad_sequences);
  request.stop_token_ids = std::move(submit.stop_token_ids);
  request.eos_token_ids = std::move(submit.eos_token_ids);
  request.ignore_eos = submit.ignore_eos;
  request.logprobs = submit.logprobs;
  request.prompt_logprobs = submit.prompt_logprobs;
  request.arrival = now;
  request.deadline = now + std::chrono::microseconds(submit.remaining_us);
  request.tenant = std::move(submit.tenant);
  request.weight = submit.weight;
  request.hash_seed = kv::hash_seed("", submit.salt);
  request.strict_priority = submit.strict_priority;
  request.priority = submit.priority;
  request.migrations = submit.migrations;
  return request;
}

rpc::Output to_rpc_output(engine::ChoiceOutput output, const rpc::RequestKey& key) {
  rpc::Output out;
  out.key = key;
  out.sequence = output.choice;
  out.position = output.position;
  out.token_ids = std::move(output.token_ids);
  out.logprobs = to_rpc_logprobs(std::move(output.logprobs));
  out.prompt_logprobs = to_rpc_logprobs(std::move(output.prompt_logprobs));
  const auto [kind, error] = to_rpc_finish(output.finish);
  out.finish.kind = kind;
  out.finish.error = error;
  out.finish.stop_token_id = output.stop_token_id;
  out.finish.message = std::move(output.message);
  out.cached_tokens = output.cached_tokens;
  out.queue_us = static_cast<std::uint64_t>(std::max<std::int64_t>(to_us(output.queue_time), 0));
  out.prefill_us =
      static_cast<std::uint64_t>(std::max<std::int64_t>(to_us(output.prefill_time), 0));
  out.steps = output.num_steps;
  return out;
}

rpc::Load to_rpc_load(const engine::EngineLoad& load, std::uint64_t step) {
  rpc::Load out;
  out.running = load.running;
  out.waiting = load.waiting;
  out.active_prefill_tokens = load.active_prefill_tokens;
  out.kv_blocks_total = load.kv_blocks_total;
  out.kv_blocks_active = load.kv_blocks_active;
  out.kv_blocks_waiting = load.kv_blocks_waiting;
  out.kv_blocks_cached = load.kv_blocks_cached;
  out.step_us = load.step_us;
  out.prefill_tokens_per_s = load.prefill_tokens_per_s;
  out.progress = step;
  return out;
}

rpc::Output refusal(const rpc::RequestKey& key, std::uint32_t sequence, rpc::WorkerErrorCode code,
                    std::string message) {
  rpc::Output out;
  out.key = key;
  out.sequence = sequence;
  out.finish = {.kind = rpc::FinishKind::kError,
                .stop_token_id = {},
                .error = code,
                .message = std::move(message)};
  return out;
}

}  // namespace penstock::worker
