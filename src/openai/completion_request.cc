#include "openai/completion_request.h"

#include "openai/extension.h"
#include "openai/field_reader.h"
#include "openai/shared_fields.h"

namespace penstock::openai {
namespace {

using text::Json;

Prompt prompt_of(const Json& value) {
  if (value.is_string()) return value.as_string();
  return token_ids_of(value.as_array());
}

// A list of numbers is one prompt; a list of strings or of lists is several.
std::vector<Prompt> prompts_of(const Json& value) {
  const bool is_list = value.is_array() && !value.as_array().front().is_number();
  if (!is_list) return {prompt_of(value)};
  std::vector<Prompt> prompts;
  for (const Json& one : value.as_array()) prompts.push_back(prompt_of(one));
  return prompts;
}

ApiStatus parse_max_tokens(const Json::Object& body, CompletionRequest& request) {
  const auto given = integer_of(body, "max_tokens");
  if (given) request.shared.max_tokens = static_cast<std::uint32_t>(*given);
  if (given && *given == 0 && !request.echo) {
    return make_api_error(ApiErrorCode::kInvalidValue, "max_tokens",
                          "max_tokens is 0; that is taken with echo only, else at least 1");
  }
  if (given && *given == 0 && request.shared.output.computed_prompt_logprobs()) {
    return make_api_error(ApiErrorCode::kInvalidValue, "max_tokens",
                          "max_tokens is 0 and log-probabilities of the prompt are asked for; to "
                          "compute the prompt at least 1 token is generated");
  }
  const std::uint32_t most = request.shared.max_tokens.value_or(kDefaultCompletionTokens);
  if (request.shared.stop.min_tokens > most) {
    return make_api_error(ApiErrorCode::kInvalidValue, "min_tokens",
                          "min_tokens is {}; it must be at most max_tokens, {}",
                          request.shared.stop.min_tokens, most);
  }
  return {};
}

void read_logprobs(const Json::Object& body, CompletionRequest& request) {
  const auto top = integer_of(body, "logprobs");
  if (!top) return;
  request.shared.output.logprobs = static_cast<std::uint32_t>(*top);
  request.shared.output.echo_logprobs = request.echo;
}

}  // namespace

ApiResult<CompletionRequest> parse_completion_request(const Json& body, const FieldTable& table,
                                                      UnknownFields unknown) {
  ASSIGN_OR_RETURN_API(auto ignored, check_fields(body, table, unknown));
  const Json::Object& object = body.as_object();
  CompletionRequest request;
  ASSIGN_OR_RETURN_API(request.shared, parse_shared_fields(object));
  request.shared.ignored_fields = std::move(ignored);
  request.echo = bool_or(object, "echo", false);
  request.add_special_tokens = bool_or(object, "add_special_tokens", true);
  request.prompts = prompts_of(*find_present(object, "prompt"));
  read_logprobs(object, request);
  RETURN_IF_API_ERROR(parse_max_tokens(object, request));
  ASSIGN_OR_RETURN_API(const Extension extension, parse_extension(object, request.shared));
  if (extension.use_raw_prompt || extension.token_data) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, "penstock",
                          "use_raw_prompt and token_data belong to /v1/chat/completions; send "
                          "the prompt as text or token ids");
  }
  return request;
}

}  // namespace penstock::openai
