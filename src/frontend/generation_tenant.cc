// A Generation's dealings with its tenant: what it may have, what it has used.
#include "frontend/generation.h"

namespace penstock::frontend {

using openai::ApiErrorCode;
using openai::ApiStatus;
using openai::make_api_error;

ApiStatus Generation::check_tenant() {
  if (context_.pinned_worker && *context_.pinned_worker != prepared_->model->worker_id) {
    return make_api_error(ApiErrorCode::kInvalidValue, "x-penstock-worker-id",
                          "no worker {} serves the model '{}'; leave the header out",
                          *context_.pinned_worker, prepared_->request.model);
  }
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

// Counts what was computed: a prompt that no worker has begun costs its tenant nothing.
void Generation::settle(const openai::ApiError* error) {
  const bool was_computed = has_output() || num_running_ > 0;
  TokenUsage used;
  if (was_computed) {
    used = {.prompt = usage_.prompt_tokens,
            .cached = usage_.cached_tokens,
            .completion = usage_.completion_tokens,
            .reasoning = usage_.reasoning_tokens,
            .wasted = error == nullptr ? 0 : usage_.completion_tokens};
  }
  context_.admission.end(used.prompt + used.completion);
  context_.caller.tenant->account().usage.add_request(used);
  if (context_.caller.key) context_.caller.key->usage->add_request(used);
}

}  // namespace penstock::frontend
