#include "openai/answer_parts.h"

#include "openai/json_out.h"

namespace penstock::openai {

void append_head(std::string& out, const AnswerHead& head, std::string_view object) {
  append_string_member(out, "id", head.id);
  out += ',';
  append_string_member(out, "object", object);
  out += R"(,"created":)";
  append_integer(out, head.created);
  out += ',';
  append_string_member(out, "model", head.model);
  out += ',';
  append_string_member(out, "system_fingerprint", head.fingerprint);
  if (head.names_service_tier) out += R"(,"service_tier":"default")";
  if (head.says_not_stored) out += R"(,"store":false)";
}

void append_stop_reason(std::string& out, const StopReason& stop) {
  out += R"(,"stop_reason":)";
  if (const auto* text = std::get_if<std::string>(&stop)) {
    text::append_json_string(out, *text);
  } else if (const auto* id = std::get_if<TokenId>(&stop)) {
    append_integer(out, *id);
  } else {
    out += "null";
  }
}

void append_logprobs(std::string& out, Api api, const AnswerOptions& options,
                     std::span<const TokenLogprob> tokens, std::uint64_t first_offset) {
  if (!options.logprobs || tokens.empty()) {
    out += "null";
  } else if (api == Api::kChat) {
    append_chat_logprobs(out, tokens, options.tokens_as_token_ids);
  } else {
    append_completion_logprobs(out, tokens, options.tokens_as_token_ids, first_offset);
  }
}

std::string system_fingerprint(std::string_view model_digest) {
  constexpr std::string_view kPrefix = "sha256:";
  if (model_digest.starts_with(kPrefix)) model_digest.remove_prefix(kPrefix.size());
  return "fp_" + std::string(model_digest.substr(0, 8));
}

}  // namespace penstock::openai
