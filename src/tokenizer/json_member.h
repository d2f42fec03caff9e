// Members of untrusted JSON, with errors that name them. JSON null counts as absent.
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/json.h"

namespace penstock::tokenizer {

[[nodiscard]] inline const text::Json* find_member(const text::Json& object,
                                                   std::string_view name) noexcept {
  const text::Json* member = object.find(name);
  return member == nullptr || member->is_null() ? nullptr : member;
}

[[nodiscard]] inline std::unexpected<Error> wrong_type(std::string_view name,
                                                       const text::Json& value,
                                                       std::string_view wanted) {
  return make_error(ErrorCode::kInvalid, "'{}' is {}; it must be {}", name, value.type_name(),
                    wanted);
}

[[nodiscard]] inline Result<bool> bool_member(const text::Json& object, std::string_view name,
                                              bool fallback) {
  const text::Json* member = find_member(object, name);
  if (member == nullptr) return fallback;
  if (!member->is_bool()) return wrong_type(name, *member, "a boolean");
  return member->as_bool();
}

// Required, as are the next two.
[[nodiscard]] inline Result<std::string_view> string_member(const text::Json& object,
                                                            std::string_view name) {
  const text::Json* member = find_member(object, name);
  if (member == nullptr) return make_error(ErrorCode::kInvalid, "'{}' is missing", name);
  if (!member->is_string()) return wrong_type(name, *member, "a string");
  return std::string_view(member->as_string());
}

[[nodiscard]] inline Result<const text::Json::Array*> array_member(const text::Json& object,
                                                                   std::string_view name) {
  const text::Json* member = find_member(object, name);
  if (member == nullptr) return make_error(ErrorCode::kInvalid, "'{}' is missing", name);
  if (!member->is_array()) return wrong_type(name, *member, "an array");
  return &member->as_array();
}

[[nodiscard]] inline Result<const text::Json::Object*> object_member(const text::Json& object,
                                                                     std::string_view name) {
  const text::Json* member = find_member(object, name);
  if (member == nullptr) return make_error(ErrorCode::kInvalid, "'{}' is missing", name);
  if (!member->is_object()) return wrong_type(name, *member, "an object");
  return &member->as_object();
}

// A whole number below `limit`.
[[nodiscard]] inline Result<std::uint32_t> checked_number(const text::Json& value,
                                                          std::string_view name,
                                                          std::uint32_t limit) {
  if (!value.is_int()) return wrong_type(name, value, "an integer");
  if (value.as_int() < 0 || value.as_int() >= std::int64_t{limit}) {
    return make_error(ErrorCode::kInvalid, "'{}' is {}; it must be from 0 to {}", name,
                      value.as_int(), limit - 1);
  }
  return static_cast<std::uint32_t>(value.as_int());
}

}  // namespace penstock::tokenizer
