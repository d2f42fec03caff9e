#include "openai/messages.h"

#include "openai/field_check.h"
#include "openai/field_reader.h"

namespace penstock::openai {
namespace {

using text::Json;

// The part's text stands under the name of its type; only the assistant refuses.
ApiStatus check_part(const Json::Object& part, bool is_assistant, const FieldPath& path) {
  const std::string type = *string_of(part, "type");
  if (type == "refusal" && !is_assistant) {
    const std::string where = path.member("type").text();
    return make_api_error(ApiErrorCode::kUnsupportedContent, where,
                          "{} is 'refusal'; that is for the assistant, use text", where);
  }
  if (find_present(part, type) != nullptr) return {};
  const std::string where = path.member(type).text();
  return make_api_error(ApiErrorCode::kMissingParameter, where,
                        "{} is missing; a part of type {} has it", where, type);
}

ApiStatus check_content(const Json& content, bool is_assistant, const FieldPath& path) {
  if (content.is_string()) return {};
  const Json::Array& parts = content.as_array();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    RETURN_IF_API_ERROR(check_part(parts[i].as_object(), is_assistant, path.item(i)));
  }
  return {};
}

ApiStatus check_message(const Json::Object& message, const FieldPath& path) {
  const std::string role = *string_of(message, "role");
  RETURN_IF_API_ERROR(check_content(*find_present(message, "content"), role == "assistant",
                                    path.member("content")));
  if (role == "tool" && find_present(message, "tool_call_id") == nullptr) {
    const std::string where = path.member("tool_call_id").text();
    return make_api_error(ApiErrorCode::kMissingParameter, where,
                          "{} is missing; a message of the role tool names the call it answers",
                          where);
  }
  return {};
}

void drop_absent(Json::Object& message) {
  message.erase_if([](const Json::Member& member) {
    return member.second.is_null() || member.first == "tool_calls";
  });
}

}  // namespace

ApiResult<Json::Array> parse_messages(Json::Array messages) {
  const FieldPath path("messages");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    RETURN_IF_API_ERROR(check_message(messages[i].as_object(), path.item(i)));
    drop_absent(messages[i].as_object());
  }
  return messages;
}

}  // namespace penstock::openai
