#include "frontend/submission.h"

#include <algorithm>
#include <utility>

#include "openai/json_out.h"

namespace penstock::frontend {
namespace {

std::vector<std::pair<std::string, std::string>> make_annotations(const Prepared& prepared,
                                                                  const RequestContext& context) {
  const openai::AnnotationWish& wish = prepared.request.annotations;
  std::vector<std::pair<std::string, std::string>> annotations;
  std::string json;
  if (wish.request_id) {
    text::append_json_string(json, context.request_id);
    annotations.emplace_back("request_id", std::exchange(json, {}));
  }
  if (wish.formatted_prompt) {
    text::append_json_string(json, prepared.formatted_prompt);
    annotations.emplace_back("formatted_prompt", std::exchange(json, {}));
  }
  if (wish.token_ids) {
    openai::append_integers(json, prepared.prompts.front().token_ids);
    annotations.emplace_back("token_ids", std::exchange(json, {}));
  }
  return annotations;
}

struct Priorities {
  std::int32_t asked = 0;
  std::int32_t granted = 0;
  std::uint32_t strict_asked = 0;
  std::uint32_t strict_granted = 0;
};

// Headers win over hints; wishes above what the tenant may have are lowered to it.
Priorities priorities_of(const RequestContext& context, const openai::HintWish& hints) {
  const TenantPolicy& policy = context.caller.tenant->policy();
  Priorities out;
  out.asked = context.priority.value_or(hints.priority.value_or(0));
  out.granted = std::min(out.asked, policy.max_priority);
  out.strict_asked = context.strict_priority.value_or(hints.strict_priority.value_or(0));
  out.strict_granted = std::min(out.strict_asked, policy.max_strict_priority);
  return out;
}

}  // namespace

std::uint32_t granted_strict_priority(const RequestContext& context,
                                      const openai::HintWish& hints) {
  return priorities_of(context, hints).strict_granted;
}

rpc::Submit make_submit(const Prepared& prepared, const RequestContext& context,
                        std::uint32_t prompt_index, MonotonicTime now) {
  const openai::GenerationRequest& request = prepared.request;
  const PreparedPrompt& prompt = prepared.prompts[prompt_index];
  rpc::Submit submit;
  submit.key.request_id = context.request_id;
  submit.key.prompt_index = prompt_index;
  submit.model = prepared.model->card.name;
  submit.token_ids = prompt.token_ids;
  submit.n = request.n;
  for (std::uint32_t k = 0; k < request.n; ++k) {
    submit.sequences.push_back({prompt_index * request.n + k, {}});
  }
  submit.max_tokens = prompt.max_tokens;
  submit.min_tokens = request.stop.min_tokens;
  submit.sampling = prepared.sampling;
  submit.logit_bias = request.sampling.logit_bias;
  submit.allowed_token_ids = request.sampling.allowed_token_ids;
  submit.bad_sequences = prepared.bad_sequences;
  submit.stop_token_ids = request.stop.token_ids;
  submit.eos_token_ids = prepared.model->card.eos_token_ids;
  submit.ignore_eos = request.stop.ignore_eos;
  if (request.output.logprobs) {
    submit.logprobs = static_cast<std::int32_t>(*request.output.logprobs);
  }
  if (const auto top = request.output.computed_prompt_logprobs()) {
    submit.prompt_logprobs = static_cast<std::int32_t>(*top);
  }
  submit.remaining_us = to_us(context.deadline - now);
  submit.age_us =
      static_cast<std::uint64_t>(std::max<std::int64_t>(to_us(now - context.received_at), 0));
  const Tenant& tenant = *context.caller.tenant;
  submit.tenant = tenant.policy().name;
  submit.weight = static_cast<float>(tenant.policy().weight);
  const Priorities priorities = priorities_of(context, request.hints);
  submit.strict_priority = priorities.strict_granted;
  submit.priority = priorities.granted;
  submit.salt = tenant.salt(request.cache_salt);
  return submit;
}

RequestRecord begin_record(const RequestContext& context, const openai::HintWish& hints,
                           const Clock& clock) {
  RequestRecord record;
  record.request_id = context.request_id;
  record.correlation_id = context.correlation_id;
  record.received_unix_us = clock.unix_us() - to_us(clock.now() - context.received_at);
  record.tenant = context.caller.tenant->policy().name;
  record.key_id = context.caller.key_id();
  const Priorities priorities = priorities_of(context, hints);
  record.priority_asked = priorities.asked;
  record.priority = priorities.granted;
  record.strict_priority_asked = priorities.strict_asked;
  record.strict_priority = priorities.strict_granted;
  return record;
}

AnswerFrame make_frame(const Prepared& prepared, const RequestContext& context,
                       std::int64_t created) {
  const openai::GenerationRequest& request = prepared.request;
  const bool is_chat = prepared.api == openai::Api::kChat;
  AnswerFrame frame;
  frame.head.api = prepared.api;
  frame.head.id = (is_chat ? "chatcmpl-" : "cmpl-") + context.request_id;
  frame.head.created = created;
  frame.head.model = request.model;
  frame.head.fingerprint = prepared.model->fingerprint;
  frame.head.names_service_tier = request.names_service_tier;
  frame.head.says_not_stored = request.wants_store;
  frame.options.include_usage = request.output.include_usage;
  frame.options.continuous_usage = request.output.continuous_usage;
  frame.options.logprobs = request.output.logprobs.has_value();
  frame.options.tokens_as_token_ids = request.output.tokens_as_token_ids;
  frame.options.token_ids = request.output.token_ids;
  frame.options.prompt_logprobs = request.output.prompt_logprobs.has_value();
  frame.options.stop_reason = request.output.stop_reason;
  frame.prompt_top = request.output.prompt_logprobs;
  if (request.output.echo_logprobs) frame.echo_top = request.output.logprobs;
  frame.headers = context.headers();
  if (!request.ignored_fields.empty()) {
    frame.headers.push_back({"x-penstock-ignored", ignored_header(request.ignored_fields)});
  }
  frame.choices_per_prompt = request.n;
  frame.num_prompts = static_cast<std::uint32_t>(prepared.prompts.size());
  for (const PreparedPrompt& prompt : prepared.prompts) {
    if (prompt.echo) frame.echo.push_back(*prompt.echo);
    if (request.output.token_ids) frame.prompt_token_ids.push_back(prompt.token_ids);
  }
  frame.annotations = make_annotations(prepared, context);
  return frame;
}

std::string ignored_header(const std::vector<std::string>& names) {
  constexpr std::size_t kMaxBytes = 1024;
  constexpr std::size_t kMaxNameBytes = 64;
  std::string header;
  for (const std::string& name : names) {
    if (header.size() > kMaxBytes) {
      header += ",...";
      break;
    }
    if (!header.empty()) header += ',';
    for (const char c : std::string_view(name).substr(0, kMaxNameBytes)) {
      const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
      header += is_plain ? c : '?';
    }
  }
  return header;
}

}  // namespace penstock::frontend
