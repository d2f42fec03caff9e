// Reading the members of a checked object. JSON null equals absent.
//
// All but find_present assume that check_fields() has passed: a wrong type is a CHECK.
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

[[nodiscard]] std::vector<std::uint32_t> token_ids_of(const text::Json::Array& array);
[[nodiscard]] std::vector<std::string> strings_of(const text::Json::Array& array);

}  // namespace penstock::openai
