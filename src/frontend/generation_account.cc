// A Generation's dealings with its tenant, and its record: what it may have, what it has used, what
// became of it.
#include "frontend/generation.h"
#include "frontend/submission.h"

namespace penstock::frontend {

using openai::ApiErrorCode;
using openai::ApiStatus;
using openai::make_api_error;

// A header's pin wins over the body's; what the key may do was asked of it when it was read.
ApiStatus Generation::check_pins() const {
  const openai::PinWish& asked = prepared_->request.pins;
  for (const auto& pin : {asked.worker, asked.rank}) {
    if (!pin || context_.caller.tenant->policy().allow_routing) continue;
    return make_api_error(ApiErrorCode::kRoutingNotAllowed, pin->field,
                          "{} chooses a worker, which this API key may not do; leave it out",
                          pin->field);
  }
  std::optional<openai::Pin> worker = asked.worker;
  if (context_.pinned_worker) worker = {"x-penstock-worker-id", *context_.pinned_worker};
  if (worker && worker->id != prepared_->model->worker_id) {
    return make_api_error(ApiErrorCode::kInvalidValue, worker->field,
                          "{} is {}; no such worker serves the model '{}', leave it out",
                          worker->field, worker->id, prepared_->request.model);
  }
  if (!asked.rank || asked.rank->id == 0) return {};
  return make_api_error(ApiErrorCode::kInvalidValue, asked.rank->field,
                        "{} is {}; every worker here has rank 0 alone", asked.rank->field,
                        asked.rank->id);
}

ApiStatus Generation::check_tenant() {
  RETURN_IF_API_ERROR(check_pins());
  std::uint64_t num_tokens = 0;
  for (const PreparedPrompt& prompt : prepared_->prompts) {
    num_tokens += prompt.token_ids.size() + std::uint64_t{prepared_->request.n} * prompt.max_tokens;
  }
  const ApiStatus reserved = context_.admission.reserve(num_tokens);
  if (!reserved) {
    services_.probe.request_rejected(*meters_, kind(), *reserved.error().param);
  }
  return reserved;
}

// A prompt that no worker has begun costs its tenant nothing.
TokenUsage Generation::used_tokens(const openai::ApiError* error) const noexcept {
  if (!has_output() && num_running_ == 0) return {};
  return {.prompt = usage_.prompt_tokens,
          .cached = usage_.cached_tokens,
          .completion = usage_.completion_tokens,
          .reasoning = usage_.reasoning_tokens,
          .wasted = error == nullptr ? 0 : usage_.completion_tokens};
}

void Generation::settle(const openai::ApiError* error) {
  const TokenUsage used = used_tokens(error);
  context_.admission.end(used.prompt + used.completion);
  context_.caller.tenant->account().usage.add_request(used);
  if (context_.caller.key) context_.caller.key->usage->add_request(used);
  services_.explain.add(record(error));
}

RequestRecord Generation::record(const openai::ApiError* error) const {
  const MonotonicTime now = services_.clock.now();
  RequestRecord record = begin_record(
      context_, prepared_ ? prepared_->request.hints : openai::HintWish{}, services_.clock);
  record.endpoint = endpoint_label(api_);
  record.tokens = used_tokens(error);
  record.phase = phase_name();
  if (prepared_) {
    record.model = prepared_->model->card.name;
    if (phase_ != Phase::kPreparing) record.worker_id = prepared_->model->worker_id;
    record.stream = prepared_->request.output.stream;
    record.num_choices = static_cast<std::uint32_t>(choices_.size());
    record.parse = prepared_->times.parse;
    record.render = prepared_->times.render;
    record.tokenize = prepared_->times.tokenize;
  }
  record.queue = marks_.queue;
  record.prefill = marks_.prefill;
  if (marks_.first_output) {
    record.first_output = *marks_.first_output - context_.received_at;
    record.decode = now - *marks_.first_output;
  }
  record.total = now - context_.received_at;
  if (error == nullptr) {
    record.finish = marks_.finish;
  } else {
    record.error = openai::row_of(error->code).name;
    record.message = error->message;
  }
  return record;
}

}  // namespace penstock::frontend
