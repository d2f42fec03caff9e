#include "openai/field_check.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "openai/field_reader.h"

namespace penstock::openai {
namespace {

using text::Json;

constexpr std::size_t kShownName = 64;
constexpr std::size_t kShownValue = 256;

std::optional<Kind> kind_of(const Json& value) noexcept {
  if (value.is_bool()) return Kind::kBoolean;
  if (value.is_number()) return Kind::kNumber;
  if (value.is_string()) return Kind::kString;
  if (value.is_array()) return Kind::kArray;
  if (value.is_object()) return Kind::kObject;
  return std::nullopt;
}

bool is_integer(const Json& value) noexcept {
  if (value.is_int() || value.is_uint64()) return true;
  constexpr double kExact = 9007199254740992.0;  // up to here every double's integers are exact
  return value.is_double() && std::abs(value.as_double()) <= kExact &&
         value.as_double() == std::trunc(value.as_double());
}

bool fits_kind(const Json& value, Kinds kinds) noexcept {
  const auto kind = kind_of(value);
  if (!kind) return false;
  if (*kind != Kind::kNumber) return has_kind(kinds, *kind);
  return has_kind(kinds, Kind::kNumber) || (has_kind(kinds, Kind::kInteger) && is_integer(value));
}

// "a, b or c"
template <class Names>
std::string listed(const Names& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

std::string names_of(Kinds kinds) {
  constexpr std::pair<Kind, std::string_view> kNames[] = {
      {Kind::kBoolean, "a boolean"}, {Kind::kInteger, "an integer"}, {Kind::kNumber, "a number"},
      {Kind::kString, "a string"},   {Kind::kArray, "an array"},     {Kind::kObject, "an object"}};
  std::vector<std::string_view> names;
  for (const auto& [kind, name] : kNames) {
    if (has_kind(kinds, kind)) names.push_back(name);
  }
  return listed(names);
}

template <class Number>
std::string bounds_text(Number min, Number max, bool excludes_min, Number lowest, Number highest) {
  const std::string_view low = excludes_min ? "above" : "at least";
  if (min > lowest && max < highest) return format("{} {} and at most {}", low, min, max);
  if (min > lowest) return format("{} {}", low, min);
  return format("at most {}", max);
}

std::unexpected<ApiError> wrong_number(const Json& value, const FieldPath& path,
                                       const std::string& bounds) {
  const std::string where = path.text();
  return make_api_error(ApiErrorCode::kInvalidValue, where, "{} is {}; it must be {}", where,
                        text::to_json(value), bounds);
}

ApiStatus check_integer(const Json& value, const IntegerRange& range, const FieldPath& path) {
  // A u64 that is no i64 lies beyond every range.
  const bool fits = !value.is_uint64() &&
                    (value.is_int() ? value.as_int() >= range.min && value.as_int() <= range.max
                                    : value.as_double() >= static_cast<double>(range.min) &&
                                          value.as_double() <= static_cast<double>(range.max));
  if (fits) return {};
  return wrong_number(value, path, bounds_text(range.min, range.max, false, INT64_MIN, INT64_MAX));
}

ApiStatus check_number(const Json& value, const NumberRange& range, const FieldPath& path) {
  const double number = value.as_double();
  if ((range.excludes_min ? number > range.min : number >= range.min) && number <= range.max) {
    return {};
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return wrong_number(value, path,
                      bounds_text(range.min, range.max, range.excludes_min, -kInfinity, kInfinity));
}

ApiStatus check_size(std::size_t size, const SizeRange& range, std::string_view unit,
                     const FieldPath& path) {
  if (size >= range.min && size <= range.max) return {};
  const std::string where = path.text();
  return make_api_error(ApiErrorCode::kInvalidValue, where, "{} has {} {}; it must have {}", where,
                        size, unit,
                        bounds_text<std::size_t>(range.min, range.max, false, 0,
                                                 std::numeric_limits<std::size_t>::max()));
}

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '-';
}

bool is_token_id(std::string_view text) noexcept {
  constexpr std::string_view kMost = "4294967295";
  const bool is_number =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || (text.size() > 1 && text.front() == '0')) return false;
  return text.size() < kMost.size() || (text.size() == kMost.size() && text <= kMost);
}

bool has_form(std::string_view text, TextForm form) noexcept {
  switch (form) {
    case TextForm::kAny:
      return true;
    case TextForm::kName:
      return std::ranges::all_of(text, is_name_character);
    case TextForm::kTokenId:
      return is_token_id(text);
  }
  return true;
}

std::string_view form_text(TextForm form) noexcept {
  return form == TextForm::kTokenId ? "a token id in decimal"
                                    : "of the characters A-Z, a-z, 0-9, '.', '_', ':', '-'";
}

std::size_t size_of(std::string_view text, TextUnit unit) noexcept {
  if (unit == TextUnit::kBytes) return text.size();
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool contains(std::span<const std::string_view> values, std::string_view value) noexcept {
  return std::ranges::find(values, value) != values.end();
}

ApiStatus check_array(const Json::Array& array, const ValueSpec& spec, const FieldPath& path) {
  RETURN_IF_API_ERROR(check_size(array.size(), spec.items, "items", path));
  if (array.empty()) return {};
  const auto first = kind_of(array.front());
  if (first != Kind::kNumber) {
    RETURN_IF_API_ERROR(check_size(array.size(), {0, spec.max_compound_items}, "items", path));
  }
  if (spec.item == nullptr) return {};
  for (std::size_t i = 0; i < array.size(); ++i) {
    const FieldPath place = path.item(i);
    if (spec.items_are_alike && i > 0 && kind_of(array[i]) != first) {
      const std::string where = place.text();
      return make_api_error(ApiErrorCode::kInvalidValue, where,
                            "{} is of type {}; all items here must be of the kind of the first, {}",
                            where, array[i].type_name(), array.front().type_name());
    }
    RETURN_IF_API_ERROR(check_value(array[i], *spec.item, place));
  }
  return {};
}

ApiStatus check_other(std::string_view name, const Json& value, const ObjectSpec& spec,
                      const FieldPath& path) {
  switch (spec.others) {
    case OtherMembers::kKept:
      return {};
    case OtherMembers::kEach:
      RETURN_IF_API_ERROR(check_text(name, spec.key, path));
      return check_value(value, *spec.each, path);
    case OtherMembers::kRefused:
      break;
  }
  std::vector<std::string_view> names;
  for (const FieldSpec& field : spec.fields) names.push_back(field.name);
  const std::string where = path.text();
  return make_api_error(ApiErrorCode::kUnknownParameter, where,
                        "{} is unknown here; leave it out or use {}", where, listed(names));
}

ApiStatus check_object(const Json::Object& object, const ValueSpec& spec, const FieldPath& path) {
  RETURN_IF_API_ERROR(check_size(object.size(), spec.members, "members", path));
  if (spec.object == nullptr) return {};
  for (const auto& [name, value] : object) {
    if (value.is_null() && spec.object->others != OtherMembers::kEach) continue;
    const auto field = std::ranges::find(spec.object->fields, name, &FieldSpec::name);
    const FieldPath place = path.member(name);
    if (field == spec.object->fields.end()) {
      RETURN_IF_API_ERROR(check_other(name, value, *spec.object, place));
    } else {
      RETURN_IF_API_ERROR(check_field(value, *field, place));
    }
  }
  return check_companions(object, spec.object->fields, &path);
}

bool says_off(const Json& value) {
  return (value.is_bool() && !value.as_bool()) || (value.is_array() && value.as_array().empty()) ||
         (value.is_object() && value.as_object().empty());
}

}  // namespace

std::string FieldPath::text() const {
  if (parent_ == nullptr) return clipped(name_, kShownName);
  std::string out = parent_->text();
  if (is_item_) return out + format("[{}]", index_);
  out += '.';
  return out + clipped(name_, kShownName);
}

ApiStatus check_text(std::string_view text, const TextSpec& spec, const FieldPath& path) {
  // A text without an upper limit is not counted to its end.
  constexpr std::size_t kMostBytesOfCharacter = 4;
  const bool is_unlimited = spec.size.max == SizeRange{}.max;
  if (!is_unlimited || text.size() / kMostBytesOfCharacter < spec.size.min) {
    const std::string_view unit = spec.unit == TextUnit::kBytes ? "bytes" : "characters";
    RETURN_IF_API_ERROR(check_size(size_of(text, spec.unit), spec.size, unit, path));
  }
  if (!has_form(text, spec.form)) {
    const std::string where = path.text();
    return make_api_error(ApiErrorCode::kInvalidValue, where, "{} is '{}'; it must be {}", where,
                          clipped(text, kShownValue), form_text(spec.form));
  }
  if (contains(spec.not_built, text)) {
    const std::string where = path.text();
    return make_api_error(ApiErrorCode::kUnsupportedParameter, where,
                          "{} '{}' is not built yet in this version; use {}", where, text,
                          listed(spec.values));
  }
  if (spec.values.empty() || contains(spec.values, text)) return {};
  const std::string where = path.text();
  return make_api_error(spec.error, where, "{} is '{}'; it must be {}", where,
                        clipped(text, kShownValue), listed(spec.values));
}

ApiStatus check_value(const Json& value, const ValueSpec& spec, const FieldPath& path) {
  if (!fits_kind(value, spec.kinds)) {
    const std::string where = path.text();
    return make_api_error(
        ApiErrorCode::kInvalidValue, where, "{} is {}; it must be {}", where,
        value.is_number() ? text::to_json(value) : format("of type {}", value.type_name()),
        names_of(spec.kinds));
  }
  if (value.is_string()) return check_text(value.as_string(), spec.text, path);
  if (value.is_array()) return check_array(value.as_array(), spec, path);
  if (value.is_object()) return check_object(value.as_object(), spec, path);
  if (!value.is_number()) return {};
  return has_kind(spec.kinds, Kind::kNumber) ? check_number(value, spec.number, path)
                                             : check_integer(value, spec.integer, path);
}

ApiStatus check_field(const Json& value, const FieldSpec& spec, const FieldPath& path) {
  if (spec.state == FieldState::kRefused) {
    const std::string where = path.text();
    return make_api_error(ApiErrorCode::kUnsupportedParameter, where, "{} is not supported: {}",
                          where, spec.note);
  }
  if (spec.state == FieldState::kNotBuilt) {
    const std::string where = path.text();
    return make_api_error(ApiErrorCode::kUnsupportedParameter, where,
                          "{} is not built yet in this version; leave it out", where);
  }
  RETURN_IF_API_ERROR(check_value(value, spec.value, path));
  if (spec.state != FieldState::kOffOnly || says_off(value)) return {};
  const std::string where = path.text();
  return make_api_error(ApiErrorCode::kUnsupportedParameter, where,
                        "{} is not built yet in this version; leave it out", where);
}

ApiStatus check_companions(const Json::Object& object, std::span<const FieldSpec> fields,
                           const FieldPath* path) {
  const auto place_of = [path](std::string_view name) {
    return (path != nullptr ? path->member(name) : FieldPath(name)).text();
  };
  for (const FieldSpec& field : fields) {
    if (!field.is_required && field.needs.empty()) continue;
    const Json* value = find_present(object, field.name);
    if (value == nullptr) {
      if (!field.is_required) continue;
      const std::string where = place_of(field.name);
      return make_api_error(ApiErrorCode::kMissingParameter, where, "{} is missing; it is required",
                            where);
    }
    if (field.needs.empty() || bool_or(object, field.needs, false)) continue;
    const std::string where = place_of(field.name);
    return make_api_error(ApiErrorCode::kInvalidValue, where,
                          "{} is given without {}; set {} to true", where, field.needs,
                          field.needs);
  }
  return {};
}

}  // namespace penstock::openai
