#include "openai/messages.h"

#include <algorithm>
#include <array>

#include "openai/field_reader.h"
#include "openai/field_table.h"

namespace penstock::openai {
namespace {

using text::Json;

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant",
                                                    "tool"};

ApiResult<std::string> parse_role(const Json::Object& message, std::string_view path) {
  const std::string role_path = format("{}.role", path);
  const Json* role = find_present(message, "role");
  if (role == nullptr) {
    return make_api_error(ApiErrorCode::kMissingParameter, role_path, "{} is missing", role_path);
  }
  RETURN_IF_API_ERROR(check_value(*role, FieldType::kString, {}, role_path));
  if (std::ranges::find(kRoles, role->as_string()) != kRoles.end()) return role->as_string();
  return make_api_error(ApiErrorCode::kInvalidValue, role_path,
                        "{} is '{}'; it must be system, developer, user, assistant or tool",
                        role_path, clipped(role->as_string()));
}

ApiStatus check_part(const Json& part, bool is_assistant, std::string_view path) {
  RETURN_IF_API_ERROR(check_value(part, FieldType::kObject, {}, path));
  const std::string type_path = format("{}.type", path);
  const Json* type = find_present(part.as_object(), "type");
  if (type == nullptr) {
    return make_api_error(ApiErrorCode::kMissingParameter, type_path, "{} is missing", type_path);
  }
  RETURN_IF_API_ERROR(check_value(*type, FieldType::kString, {}, type_path));
  const bool is_refusal = is_assistant && type->as_string() == "refusal";
  if (type->as_string() != "text" && !is_refusal) {
    return make_api_error(ApiErrorCode::kUnsupportedContent, type_path,
                          "{} is '{}'; only text parts are supported", type_path,
                          clipped(type->as_string()));
  }
  const std::string_view member = is_refusal ? "refusal" : "text";
  const std::string text_path = format("{}.{}", path, member);
  const Json* text = find_present(part.as_object(), member);
  if (text == nullptr) {
    return make_api_error(ApiErrorCode::kMissingParameter, text_path, "{} is missing", text_path);
  }
  return check_value(*text, FieldType::kString, {}, text_path);
}

ApiStatus check_content(const Json& content, bool is_assistant, std::string_view path) {
  if (content.is_string()) return {};
  if (!content.is_array()) {
    return make_api_error(ApiErrorCode::kInvalidValue, path,
                          "{} is of type {}; it must be a string or an array of parts", path,
                          content.type_name());
  }
  const Json::Array& parts = content.as_array();
  if (parts.empty()) {
    return make_api_error(ApiErrorCode::kInvalidValue, path, "{} has no parts; send at least one",
                          path);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    RETURN_IF_API_ERROR(check_part(parts[i], is_assistant, format("{}[{}]", path, i)));
  }
  return {};
}

ApiStatus check_companions(const Json::Object& message, std::string_view role,
                           std::string_view path) {
  for (const std::string_view name : {"name", "tool_call_id", "reasoning_content", "refusal"}) {
    if (const Json* value = find_present(message, name)) {
      RETURN_IF_API_ERROR(check_value(*value, FieldType::kString, {}, format("{}.{}", path, name)));
    }
  }
  if (const Json* calls = find_present(message, "tool_calls");
      calls != nullptr && !(calls->is_array() && calls->as_array().empty())) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, format("{}.tool_calls", path),
                          "{}.tool_calls is not built yet in this version; leave it out", path);
  }
  if (role == "tool" && find_present(message, "tool_call_id") == nullptr) {
    return make_api_error(ApiErrorCode::kMissingParameter, format("{}.tool_call_id", path),
                          "{} has the role tool and no tool_call_id; name the call it answers",
                          path);
  }
  return {};
}

ApiResult<Json> parse_message(const Json& message, std::string_view path) {
  RETURN_IF_API_ERROR(check_value(message, FieldType::kObject, {}, path));
  const Json::Object& object = message.as_object();
  ASSIGN_OR_RETURN_API(const std::string role, parse_role(object, path));
  const std::string content_path = format("{}.content", path);
  const Json* content = find_present(object, "content");
  if (content == nullptr) {
    return make_api_error(ApiErrorCode::kMissingParameter, content_path, "{} is missing",
                          content_path);
  }
  RETURN_IF_API_ERROR(check_content(*content, role == "assistant", content_path));
  RETURN_IF_API_ERROR(check_companions(object, role, path));
  Json::Object kept;
  for (const auto& [name, value] : object) {
    if (!value.is_null() && name != "tool_calls") kept.set(name, value);
  }
  return Json(std::move(kept));
}

}  // namespace

ApiResult<Json::Array> parse_messages(const Json::Array& messages) {
  Json::Array parsed;
  parsed.reserve(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    ASSIGN_OR_RETURN_API(Json message, parse_message(messages[i], format("messages[{}]", i)));
    parsed.push_back(std::move(message));
  }
  return parsed;
}

}  // namespace penstock::openai
