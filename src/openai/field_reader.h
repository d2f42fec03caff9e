// Reading the members of a checked object. JSON null equals absent.
//
// The value_* functions assume that check_fields() has passed: a wrong type there is a CHECK.
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "openai/errors.h"
#include "text/json.h"

namespace penstock::openai {

// The member, or null when it is absent or JSON null.
[[nodiscard]] const text::Json* find_present(const text::Json::Object& object,
                                             std::string_view name) noexcept;

[[nodiscard]] bool bool_or(const text::Json::Object& object, std::string_view name, bool fallback);
[[nodiscard]] std::optional<double> number_of(const text::Json::Object& object,
                                              std::string_view name);
[[nodiscard]] std::optional<std::int64_t> integer_of(const text::Json::Object& object,
                                                     std::string_view name);
[[nodiscard]] std::optional<std::string> string_of(const text::Json::Object& object,
                                                   std::string_view name);

// Each of an array, with the element's path in errors.
[[nodiscard]] ApiResult<std::vector<std::uint32_t>> token_ids_of(const text::Json::Array& array,
                                                                 std::string_view path);
[[nodiscard]] ApiResult<std::vector<std::string>> strings_of(const text::Json::Array& array,
                                                             std::string_view path);

}  // namespace penstock::openai
