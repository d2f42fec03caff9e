#include "openai/chat_request.h"

#include <algorithm>

#include "openai/extension.h"
#include "openai/field_reader.h"
#include "openai/messages.h"
#include "openai/shared_fields.h"

namespace penstock::openai {
namespace {

using text::Json;

ApiStatus parse_max_tokens(const Json::Object& body, GenerationRequest& request) {
  const auto current = integer_of(body, "max_completion_tokens");
  const auto older = integer_of(body, "max_tokens");
  if (current && older && *current != *older) {
    return make_api_error(ApiErrorCode::kInvalidValue, "max_tokens",
                          "max_tokens is {} and max_completion_tokens is {}; send one of them",
                          *older, *current);
  }
  const auto given = current ? current : older;
  if (!given) return {};
  request.max_tokens = static_cast<std::uint32_t>(*given);
  if (request.stop.min_tokens > *request.max_tokens) {
    return make_api_error(ApiErrorCode::kInvalidValue, "min_tokens",
                          "min_tokens is {}; it must be at most max_tokens, {}",
                          request.stop.min_tokens, *request.max_tokens);
  }
  return {};
}

void read_logprobs(const Json::Object& body, OutputWish& output) {
  const bool wanted = bool_or(body, "logprobs", false);
  if (!wanted) return;
  output.logprobs = static_cast<std::uint32_t>(integer_of(body, "top_logprobs").value_or(0));
}

// There are no tools yet: only a choice that spells out their absence passes.
ApiStatus check_tool_choice(const Json::Object& body) {
  const Json* choice = find_present(body, "tool_choice");
  if (choice == nullptr || *choice == Json("none")) return {};
  return make_api_error(ApiErrorCode::kInvalidValue, "tool_choice",
                        "tool_choice is {} and there are no tools; leave it out or send none",
                        clipped(text::to_json(*choice)));
}

ApiStatus parse_template_fields(const Json::Object& body, ChatRequest& request) {
  for (const std::string_view name : {"reasoning_effort", "documents", "verbosity"}) {
    if (const Json* value = find_present(body, name)) {
      request.template_fields.set(std::string(name), *value);
    }
  }
  const Json* kwargs = find_present(body, "chat_template_kwargs");
  const Json* args = find_present(body, "chat_template_args");
  if (kwargs != nullptr && args != nullptr) {
    return make_api_error(ApiErrorCode::kInvalidValue, "chat_template_args",
                          "chat_template_args and chat_template_kwargs are two names of one "
                          "field; send one of them");
  }
  if (kwargs != nullptr) request.template_kwargs = kwargs->as_object();
  if (args != nullptr) request.template_kwargs = args->as_object();
  request.chat_template = string_of(body, "chat_template");
  return {};
}

ApiStatus parse_continuation(const Json::Object& body, ChatRequest& request) {
  const Json* prompt = find_present(body, "add_generation_prompt");
  request.continue_final_message = bool_or(body, "continue_final_message", false);
  request.add_generation_prompt =
      prompt != nullptr ? prompt->as_bool() : !request.continue_final_message;
  if (!request.continue_final_message) return {};
  if (request.add_generation_prompt) {
    return make_api_error(ApiErrorCode::kInvalidValue, "continue_final_message",
                          "add_generation_prompt and continue_final_message exclude each other; "
                          "send one of them");
  }
  if (*request.messages.back().find("role") != Json("assistant")) {
    return make_api_error(ApiErrorCode::kInvalidValue, "continue_final_message",
                          "continue_final_message needs a last message of the assistant; it is "
                          "of the role '{}'",
                          request.messages.back().find("role")->as_string());
  }
  return {};
}

ApiStatus take_extension(Extension extension, ChatRequest& request) {
  request.use_raw_prompt = extension.use_raw_prompt;
  request.token_data = std::move(extension.token_data);
  if (!request.use_raw_prompt) return {};
  const bool has_user = std::ranges::any_of(
      request.messages, [](const Json& message) { return *message.find("role") == Json("user"); });
  if (has_user) return {};
  return make_api_error(ApiErrorCode::kInvalidValue, "messages",
                        "use_raw_prompt takes the last user message; there is none");
}

}  // namespace

ApiResult<ChatRequest> parse_chat_request(Json body, const FieldTable& table,
                                          UnknownFields unknown) {
  ASSIGN_OR_RETURN_API(auto ignored, check_fields(body, table, unknown));
  Json::Object& object = body.as_object();
  ChatRequest request;
  ASSIGN_OR_RETURN_API(request.shared, parse_shared_fields(object));
  request.shared.ignored_fields = std::move(ignored);
  ASSIGN_OR_RETURN_API(request.messages,
                       parse_messages(std::move(object.find("messages")->as_array())));
  RETURN_IF_API_ERROR(parse_max_tokens(object, request.shared));
  read_logprobs(object, request.shared.output);
  RETURN_IF_API_ERROR(check_tool_choice(object));
  RETURN_IF_API_ERROR(parse_template_fields(object, request));
  RETURN_IF_API_ERROR(parse_continuation(object, request));
  ASSIGN_OR_RETURN_API(Extension extension, parse_extension(object, request.shared));
  RETURN_IF_API_ERROR(take_extension(std::move(extension), request));
  return request;
}

}  // namespace penstock::openai
