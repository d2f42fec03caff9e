#include "openai/field_reader.h"

#include "openai/field_table.h"

namespace penstock::openai {

using text::Json;

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
  return value->is_int() ? value->as_int() : static_cast<std::int64_t>(value->as_double());
}

std::optional<std::string> string_of(const Json::Object& object, std::string_view name) {
  const Json* value = find_present(object, name);
  if (value == nullptr) return std::nullopt;
  return value->as_string();
}

ApiResult<std::vector<std::uint32_t>> token_ids_of(const Json::Array& array,
                                                   std::string_view path) {
  std::vector<std::uint32_t> ids;
  ids.reserve(array.size());
  for (const Json& item : array) {
    if (!item.is_int() || item.as_int() < 0 || item.as_int() > UINT32_MAX) {
      return make_api_error(ApiErrorCode::kInvalidValue, format("{}[{}]", path, ids.size()),
                            "{}[{}] is {}; it must be a token id, an integer of at least 0", path,
                            ids.size(), clipped(text::to_json(item)));
    }
    ids.push_back(static_cast<std::uint32_t>(item.as_int()));
  }
  return ids;
}

ApiResult<std::vector<std::string>> strings_of(const Json::Array& array, std::string_view path) {
  std::vector<std::string> strings;
  strings.reserve(array.size());
  for (const Json& item : array) {
    RETURN_IF_API_ERROR(
        check_value(item, FieldType::kString, {}, format("{}[{}]", path, strings.size())));
    strings.push_back(item.as_string());
  }
  return strings;
}

}  // namespace penstock::openai
