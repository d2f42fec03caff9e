#include "openai/completion_request.h"

#include "openai/extension.h"
#include "openai/field_reader.h"
#include "openai/shared_fields.h"

namespace penstock::openai {
namespace {

using text::Json;

std::unexpected<ApiError> empty_prompt(std::string_view path) {
  return make_api_error(ApiErrorCode::kInvalidValue, path,
                        "{} is empty; a prompt has at least one token", path);
}

ApiResult<Prompt> parse_one_prompt(const Json& value, std::string_view path) {
  if (value.is_string()) {
    if (value.as_string().empty()) return empty_prompt(path);
    return Prompt(value.as_string());
  }
  if (!value.is_array()) {
    return make_api_error(ApiErrorCode::kInvalidValue, path,
                          "{} is of type {}; it must be a string or an array of token ids", path,
                          value.type_name());
  }
  if (value.as_array().empty()) return empty_prompt(path);
  ASSIGN_OR_RETURN_API(std::vector<TokenId> ids, token_ids_of(value.as_array(), path));
  return Prompt(std::move(ids));
}

// A list of numbers is one prompt; a list of strings or of lists is several.
ApiResult<std::vector<Prompt>> parse_prompts(const Json& value) {
  constexpr std::string_view kPath = "prompt";
  std::vector<Prompt> prompts;
  const bool is_list =
      value.is_array() && !value.as_array().empty() && !value.as_array().front().is_number();
  if (!is_list) {
    ASSIGN_OR_RETURN_API(Prompt prompt, parse_one_prompt(value, kPath));
    prompts.push_back(std::move(prompt));
    return prompts;
  }
  const Json::Array& list = value.as_array();
  if (list.size() > kMaxPrompts) {
    return make_api_error(ApiErrorCode::kInvalidValue, kPath,
                          "prompt has {} prompts; it must have at most {}", list.size(),
                          kMaxPrompts);
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string path = format("{}[{}]", kPath, i);
    if (list[i].is_string() != list.front().is_string()) {
      return make_api_error(ApiErrorCode::kInvalidValue, path,
                            "{} is of type {}; all prompts of a request are of one kind", path,
                            list[i].type_name());
    }
    ASSIGN_OR_RETURN_API(Prompt prompt, parse_one_prompt(list[i], path));
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

ApiStatus parse_max_tokens(const Json::Object& body, CompletionRequest& request) {
  const auto given = integer_of(body, "max_tokens");
  if (given) request.shared.max_tokens = static_cast<std::uint32_t>(*given);
  if (given && *given == 0 && !request.echo) {
    return make_api_error(ApiErrorCode::kInvalidValue, "max_tokens",
                          "max_tokens is 0; that is taken with echo only, else at least 1");
  }
  if (given && *given == 0 && request.shared.output.prompt_logprobs) {
    return make_api_error(ApiErrorCode::kInvalidValue, "max_tokens",
                          "max_tokens is 0 and prompt_logprobs asks to compute the prompt; at "
                          "least 1 token is generated then");
  }
  const std::uint32_t most = request.shared.max_tokens.value_or(kDefaultCompletionTokens);
  if (request.shared.stop.min_tokens > most) {
    return make_api_error(ApiErrorCode::kInvalidValue, "min_tokens",
                          "min_tokens is {}; it must be at most max_tokens, {}",
                          request.shared.stop.min_tokens, most);
  }
  return {};
}

ApiStatus parse_logprobs(const Json::Object& body, CompletionRequest& request) {
  const auto top = integer_of(body, "logprobs");
  if (!top) return {};
  if (request.echo) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, "logprobs",
                          "logprobs together with echo is not built yet in this version; leave "
                          "one out");
  }
  request.shared.output.logprobs = static_cast<std::uint32_t>(*top);
  return {};
}

}  // namespace

ApiResult<CompletionRequest> parse_completion_request(const Json& body, const FieldTable& table,
                                                      UnknownFields unknown) {
  if (!body.is_object()) {
    return make_api_error(ApiErrorCode::kInvalidValue, "",
                          "the body is of type {}; it must be a JSON object", body.type_name());
  }
  const Json::Object& object = body.as_object();
  ASSIGN_OR_RETURN_API(auto ignored, check_fields(object, table, unknown));
  CompletionRequest request;
  ASSIGN_OR_RETURN_API(request.shared, parse_shared_fields(object));
  request.shared.ignored_fields = std::move(ignored);
  request.echo = bool_or(object, "echo", false);
  request.add_special_tokens = bool_or(object, "add_special_tokens", true);
  const Json* prompt = find_present(object, "prompt");
  if (prompt == nullptr) {
    return make_api_error(ApiErrorCode::kMissingParameter, "prompt", "prompt is missing");
  }
  ASSIGN_OR_RETURN_API(request.prompts, parse_prompts(*prompt));
  RETURN_IF_API_ERROR(parse_max_tokens(object, request));
  RETURN_IF_API_ERROR(parse_logprobs(object, request));
  ASSIGN_OR_RETURN_API(const Extension extension, parse_extension(object, request.shared));
  if (extension.use_raw_prompt || extension.token_data) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, "penstock",
                          "use_raw_prompt and token_data belong to /v1/chat/completions; send "
                          "the prompt as text or token ids");
  }
  return request;
}

}  // namespace penstock::openai
