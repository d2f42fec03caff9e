// Requests in tests: a small valid body, changed by one member at a time.
#pragma once

#include <string>
#include <string_view>

#include "openai/chat_request.h"
#include "openai/completion_request.h"
#include "openai/field_table.h"
#include "text/json.h"

namespace penstock::openai {

// The member `name` set to the JSON text `value` in `body`.
inline text::Json with_member(std::string_view body, std::string_view name,
                              std::string_view value) {
  text::Json json = text::parse_json(body).value();
  json.as_object().set(std::string(name), text::parse_json(value).value());
  return json;
}

inline constexpr std::string_view kChatBody =
    R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
inline constexpr std::string_view kCompletionBody = R"({"model":"m","prompt":"hi"})";

inline ApiResult<ChatRequest> parse_chat(const text::Json& body,
                                         UnknownFields unknown = UnknownFields::kIgnore) {
  static const FieldTable table = FieldTable::chat({.max_n = 16});
  return parse_chat_request(body, table, unknown);
}
inline ApiResult<ChatRequest> parse_chat_text(std::string_view body) {
  return parse_chat(text::parse_json(body).value());
}
inline ApiResult<ChatRequest> chat_with(std::string_view name, std::string_view value) {
  return parse_chat(with_member(kChatBody, name, value));
}

inline ApiResult<CompletionRequest> parse_completion(
    const text::Json& body, UnknownFields unknown = UnknownFields::kIgnore) {
  static const FieldTable table = FieldTable::completions({.max_n = 16});
  return parse_completion_request(body, table, unknown);
}
inline ApiResult<CompletionRequest> parse_completion_text(std::string_view body) {
  return parse_completion(text::parse_json(body).value());
}
inline ApiResult<CompletionRequest> completion_with(std::string_view name, std::string_view value) {
  return parse_completion(with_member(kCompletionBody, name, value));
}

// "param: code", or "ok".
template <class T>
std::string outcome(const ApiResult<T>& result) {
  if (result) return "ok";
  return result.error().param.value_or("null") + ": " +
         std::string(row_of(result.error().code).name);
}

}  // namespace penstock::openai
