#include "openai/field_reader.h"

namespace penstock::openai {

using text::Json;

namespace {

// 2.0 is an integer too.
std::int64_t as_integer(const Json& value) {
  return value.is_int() ? value.as_int() : static_cast<std::int64_t>(value.as_double());
}

}  // namespace

const Json* find_present(const Json::Object& object, std::string_view name) noexcept {
  const Json* value = object.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool bool_or(const Json::Object& object, std::string_view name, bool fallback) {
  const Json* value = find_present(object, name);
  return value == nullptr ? fallback : value->as_bool();
}

std::optional<double> number_of(const Json::Object& object, std::string_view name) {
  const Json* value = find_present(object, name);
  if (value == nullptr) return std::nullopt;
  return value->as_double();
}

std::optional<std::int64_t> integer_of(const Json::Object& object, std::string_view name) {
  const Json* value = find_present(object, name);
  if (value == nullptr) return std::nullopt;
  return as_integer(*value);
}

std::optional<std::string> string_of(const Json::Object& object, std::string_view name) {
  const Json* value = find_present(object, name);
  if (value == nullptr) return std::nullopt;
  return value->as_string();
}

std::vector<std::uint32_t> token_ids_of(const Json::Array& array) {
  std::vector<std::uint32_t> ids;
  ids.reserve(array.size());
  for (const Json& item : array) ids.push_back(static_cast<std::uint32_t>(as_integer(item)));
  return ids;
}

std::vector<std::string> strings_of(const Json::Array& array) {
  std::vector<std::string> strings;
  strings.reserve(array.size());
  for (const Json& item : array) strings.push_back(item.as_string());
  return strings;
}

}  // namespace penstock::openai
