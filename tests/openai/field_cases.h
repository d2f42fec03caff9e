// Test values from the rows of the tables: for any spec, values that it takes (its bounds among
// them) and values that it must refuse, each with the place that the error names.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "openai/field_spec.h"
#include "text/json.h"

namespace penstock::openai {

struct BadValue {
  text::Json value;
  std::string place;  // below the value's own path: "", "[3]", ".type", "[0].text"
  std::string why;
  ApiErrorCode code = ApiErrorCode::kInvalidValue;
};

struct ValueCases {
  std::vector<text::Json> good;
  std::vector<BadValue> bad;
};

inline ValueCases cases_of(const ValueSpec& spec);
inline ValueCases cases_of(const FieldSpec& field);

namespace field_cases {

using text::Json;

// Beyond this no bound is tried: the values would not fit a test.
inline constexpr std::size_t kMostSize = 100'000;

inline std::string text_of_size(std::size_t size, const TextSpec& spec) {
  if (spec.form == TextForm::kTokenId) return std::string(size, '7');
  return std::string(size, 'x');
}

inline void add_kinds(const ValueSpec& spec, ValueCases& cases) {
  const auto refuse = [&](Kind kind, Json value) {
    if (has_kind(spec.kinds, kind)) return;
    cases.bad.push_back({std::move(value), "", "a wrong type", ApiErrorCode::kInvalidValue});
  };
  refuse(Kind::kBoolean, Json(true));
  refuse(Kind::kString, Json("1"));
  refuse(Kind::kArray, Json(Json::Array{}));
  refuse(Kind::kObject, Json(Json::Object{}));
  if (has_kind(spec.kinds, Kind::kNumber)) return;
  refuse(Kind::kInteger, Json(1));
  for (const double value : {0.5, 1e300, -1e300}) {
    cases.bad.push_back({Json(value), "", "no integer", ApiErrorCode::kInvalidValue});
  }
}

inline void add_integers(const IntegerRange& range, ValueCases& cases) {
  cases.good.emplace_back(range.min);
  cases.good.emplace_back(range.max);
  if (range.max >= 2 && range.min <= 2) cases.good.emplace_back(2.0);
  const auto refuse = [&](Json value) {
    cases.bad.push_back({std::move(value), "", "out of range", ApiErrorCode::kInvalidValue});
  };
  if (range.min > INT64_MIN) refuse(Json(range.min - 1));
  if (range.max < INT64_MAX) refuse(Json(range.max + 1));
  refuse(Json(UINT64_MAX));
}

inline void add_numbers(const NumberRange& range, ValueCases& cases) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto refuse = [&](double value) {
    cases.bad.push_back({Json(value), "", "out of range", ApiErrorCode::kInvalidValue});
  };
  if (range.excludes_min) {
    cases.good.emplace_back(std::nextafter(range.min, infinity));
    refuse(range.min);
  } else {
    cases.good.emplace_back(range.min);
    refuse(std::nextafter(range.min, -infinity));
  }
  cases.good.emplace_back(range.max);
  refuse(std::nextafter(range.max, infinity));
  refuse(1e300);
}

inline void add_texts(const TextSpec& spec, ValueCases& cases) {
  const auto refuse = [&](std::string value, std::string why, ApiErrorCode code) {
    cases.bad.push_back({Json(std::move(value)), "", std::move(why), code});
  };
  for (const std::string_view value : spec.values) cases.good.emplace_back(value);
  for (const std::string_view value : spec.not_built) {
    refuse(std::string(value), "not built", ApiErrorCode::kUnsupportedParameter);
  }
  if (!spec.values.empty()) return refuse("no such value", "none of the values", spec.error);
  if (spec.size.max <= kMostSize) {
    cases.good.emplace_back(text_of_size(spec.size.max, spec));
    refuse(text_of_size(spec.size.max + 1, spec), "too long", ApiErrorCode::kInvalidValue);
  }
  cases.good.emplace_back(text_of_size(std::max<std::size_t>(spec.size.min, 1), spec));
  if (spec.size.min > 0) {
    refuse(text_of_size(spec.size.min - 1, spec), "too short", ApiErrorCode::kInvalidValue);
  }
  if (spec.form == TextForm::kTokenId) {
    for (const char* wrong : {"", "x", "05", "-1", "4294967296", "99999999999"}) {
      refuse(wrong, "of a wrong form", ApiErrorCode::kInvalidValue);
    }
  } else if (spec.form == TextForm::kName) {
    refuse("a b", "of a wrong form", ApiErrorCode::kInvalidValue);
    refuse("\xC3\xA9", "of a wrong form", ApiErrorCode::kInvalidValue);
  } else if (spec.size.max <= kMostSize && spec.unit == TextUnit::kCharacters) {
    std::string wide;
    for (std::size_t i = 0; i < spec.size.max; ++i) wide += "\xC3\xA9";
    cases.good.emplace_back(wide);
  } else if (spec.size.max <= kMostSize) {
    std::string wide(spec.size.max - 1, 'x');
    refuse(wide + "\xC3\xA9", "too many bytes", ApiErrorCode::kInvalidValue);
  }
}

inline void add_arrays(const ValueSpec& spec, ValueCases& cases) {
  const ValueCases items = spec.item != nullptr ? cases_of(*spec.item) : ValueCases{{Json(1)}, {}};
  const Json& item = items.good.front();
  const auto refuse_size = [&](std::size_t size) {
    cases.bad.push_back({Json(Json::Array(size, item)), "", "a wrong number of items",
                         ApiErrorCode::kInvalidValue});
  };
  if (spec.items.min > 0) refuse_size(spec.items.min - 1);
  if (spec.items.max <= kMostSize) {
    cases.good.emplace_back(Json::Array(spec.items.max, item));
    refuse_size(spec.items.max + 1);
  }
  if (spec.items.min == 0) cases.good.emplace_back(Json::Array{});
  if (spec.items.max == 0 || spec.item == nullptr) return;
  for (const Json& good : items.good) cases.good.emplace_back(Json::Array{good});
  const std::size_t before = spec.items.max > 1 && !spec.items_are_alike ? 1 : 0;
  for (const BadValue& bad : items.bad) {
    Json::Array array(before, item);
    array.push_back(bad.value);
    cases.bad.push_back({Json(std::move(array)), "[" + std::to_string(before) + "]" + bad.place,
                         "an item is " + bad.why, bad.code});
  }
  Json::Array with_null(before, item);
  with_null.emplace_back();
  cases.bad.push_back({Json(std::move(with_null)), "[" + std::to_string(before) + "]",
                       "an item is null", ApiErrorCode::kInvalidValue});
}

// The smallest object that the spec takes, or as small as the rows can tell.
inline Json::Object least_object(const ObjectSpec& spec) {
  Json::Object object;
  for (const FieldSpec& field : spec.fields) {
    if (!field.is_required) continue;
    Json value = field.example.empty() ? cases_of(field).good.front()
                                       : text::parse_json(field.example).value();
    object.set(std::string(field.name), std::move(value));
  }
  return object;
}

inline void add_members(const ObjectSpec& spec, ValueCases& cases) {
  const Json::Object least = least_object(spec);
  cases.good.emplace_back(least);
  for (const FieldSpec& field : spec.fields) {
    const std::string name(field.name);
    const ValueCases values = cases_of(field);
    const auto with = [&](const Json& value) {
      Json::Object object = least;
      object.set(name, value);
      return Json(std::move(object));
    };
    for (const Json& good : values.good) cases.good.push_back(with(good));
    for (const BadValue& bad : values.bad) {
      cases.bad.push_back(
          {with(bad.value), "." + name + bad.place, name + " is " + bad.why, bad.code});
    }
    if (!field.is_required) {
      cases.good.push_back(with(Json()));
      continue;
    }
    cases.bad.push_back(
        {with(Json()), "." + name, name + " is null", ApiErrorCode::kMissingParameter});
  }
  Json::Object more = least;
  more.set("made_up", Json(1));
  if (spec.others == OtherMembers::kRefused) {
    cases.bad.push_back(
        {Json(std::move(more)), ".made_up", "an unknown member", ApiErrorCode::kUnknownParameter});
  } else if (spec.others == OtherMembers::kKept) {
    cases.good.emplace_back(std::move(more));
  }
}

inline void add_member_count(const ValueSpec& spec, const Json& value, ValueCases& cases) {
  Json::Object many;
  for (std::size_t i = 0; i < spec.members.max; ++i) many.set(std::to_string(i), value);
  cases.good.emplace_back(many);
  many.set(std::to_string(spec.members.max), value);
  cases.bad.push_back(
      {Json(std::move(many)), "", "of too many members", ApiErrorCode::kInvalidValue});
}

inline void add_map(const ValueSpec& spec, ValueCases& cases) {
  const ObjectSpec& object = *spec.object;
  const ValueCases values = cases_of(*object.each);
  const ValueCases keys = cases_of(text_of(object.key));
  const std::string key = text_of_size(std::max<std::size_t>(object.key.size.min, 1), object.key);
  for (const Json& value : values.good) cases.good.emplace_back(Json::Object{{key, value}});
  for (const Json& one : keys.good) {
    cases.good.emplace_back(Json::Object{{one.as_string(), values.good.front()}});
  }
  for (const BadValue& bad : values.bad) {
    cases.bad.push_back({Json(Json::Object{{key, bad.value}}), "." + key + bad.place,
                         "a member is " + bad.why, bad.code});
  }
  for (const BadValue& bad : keys.bad) {
    if (!bad.value.is_string()) continue;
    const std::string& name = bad.value.as_string();
    cases.bad.push_back({Json(Json::Object{{name, values.good.front()}}), "." + clipped(name),
                         "a name is " + bad.why, bad.code});
  }
  add_member_count(spec, values.good.front(), cases);
}

}  // namespace field_cases

inline ValueCases cases_of(const ValueSpec& spec) {
  using namespace field_cases;
  ValueCases cases;
  if (spec.kinds == kAnyKind) {
    cases.good.emplace_back(1);
    return cases;
  }
  if (has_kind(spec.kinds, Kind::kBoolean)) {
    cases.good.emplace_back(true);
    cases.good.emplace_back(false);
  }
  if (has_kind(spec.kinds, Kind::kNumber)) {
    add_numbers(spec.number, cases);
  } else if (has_kind(spec.kinds, Kind::kInteger)) {
    add_integers(spec.integer, cases);
  }
  if (has_kind(spec.kinds, Kind::kString)) add_texts(spec.text, cases);
  if (has_kind(spec.kinds, Kind::kArray)) add_arrays(spec, cases);
  if (has_kind(spec.kinds, Kind::kObject)) {
    if (spec.object == nullptr) {
      cases.good.emplace_back(Json::Object{});
      if (spec.members.max <= kMostSize) add_member_count(spec, Json(1), cases);
    } else if (spec.object->others == OtherMembers::kEach) {
      add_map(spec, cases);
    } else {
      add_members(*spec.object, cases);
    }
  }
  add_kinds(spec, cases);
  return cases;
}

inline ValueCases cases_of(const FieldSpec& field) {
  using text::Json;
  switch (field.state) {
    case FieldState::kBuilt:
    case FieldState::kTemplate:
      return cases_of(field.value);
    case FieldState::kOffOnly: {
      ValueCases cases;
      const bool is_flag = has_kind(field.value.kinds, Kind::kBoolean);
      cases.good.push_back(is_flag ? Json(false) : Json(Json::Array{}));
      const ValueCases all = cases_of(field.value);
      for (const BadValue& bad : all.bad) cases.bad.push_back(bad);
      Json on = is_flag ? Json(true) : Json(Json::Array{Json(Json::Object{})});
      cases.bad.push_back({std::move(on), "", "not built", ApiErrorCode::kUnsupportedParameter});
      return cases;
    }
    case FieldState::kNotBuilt:
    case FieldState::kRefused:
      break;
  }
  ValueCases cases;
  for (const Json& value : {Json(1), Json("x"), Json(false), Json(Json::Array{})}) {
    cases.bad.push_back({value, "", "not offered", ApiErrorCode::kUnsupportedParameter});
  }
  return cases;
}

// A small body that the table takes: its required fields.
inline text::Json::Object least_body(const std::vector<FieldSpec>& fields) {
  return field_cases::least_object({.fields = fields});
}

}  // namespace penstock::openai
