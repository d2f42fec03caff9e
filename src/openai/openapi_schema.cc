// From rows to JSON Schema.
#include <cmath>
#include <limits>

#include "openai/openapi.h"

namespace penstock::openai {
namespace {

using text::Json;

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

Json::Array kind_names(Kinds kinds) {
  constexpr std::pair<Kind, std::string_view> kNames[] = {
      {Kind::kBoolean, "boolean"}, {Kind::kInteger, "integer"}, {Kind::kNumber, "number"},
      {Kind::kString, "string"},   {Kind::kArray, "array"},     {Kind::kObject, "object"}};
  Json::Array names;
  for (const auto& [kind, name] : kNames) {
    const bool is_covered = kind == Kind::kInteger && has_kind(kinds, Kind::kNumber);
    if (has_kind(kinds, kind) && !is_covered) names.emplace_back(name);
  }
  return names;
}

void set_size(Json::Object& schema, const SizeRange& range, std::string_view min_name,
              std::string_view max_name) {
  if (range.min > 0) schema.set(std::string(min_name), Json(std::uint64_t{range.min}));
  if (range.max < kNoLimit) schema.set(std::string(max_name), Json(std::uint64_t{range.max}));
}

void set_numbers(Json::Object& schema, const ValueSpec& spec) {
  if (has_kind(spec.kinds, Kind::kNumber)) {
    if (std::isfinite(spec.number.min)) {
      schema.set(spec.number.excludes_min ? "exclusiveMinimum" : "minimum", Json(spec.number.min));
    }
    if (std::isfinite(spec.number.max)) schema.set("maximum", Json(spec.number.max));
  } else if (has_kind(spec.kinds, Kind::kInteger)) {
    schema.set("minimum", Json(spec.integer.min));
    schema.set("maximum", Json(spec.integer.max));
  }
}

// A text of at most N bytes has at most N characters: what the schema cannot say is in words.
void set_text(Json::Object& schema, const TextSpec& text) {
  set_size(schema, text.size, "minLength", "maxLength");
  if (text.form == TextForm::kName) schema.set("pattern", Json("^[A-Za-z0-9._:-]*$"));
  if (text.form == TextForm::kTokenId) schema.set("pattern", Json("^(0|[1-9][0-9]{0,9})$"));
}

void set_object(Json::Object& schema, const ObjectSpec& object);

Json::Object plain_schema(const ValueSpec& spec) {
  Json::Object schema;
  if (spec.kinds == kAnyKind) return schema;
  Json::Array names = kind_names(spec.kinds);
  schema.set("type", names.size() == 1 ? std::move(names.front()) : Json(std::move(names)));
  set_numbers(schema, spec);
  if (has_kind(spec.kinds, Kind::kString)) set_text(schema, spec.text);
  if (has_kind(spec.kinds, Kind::kArray)) {
    set_size(schema, spec.items, "minItems", "maxItems");
    if (spec.item != nullptr) schema.set("items", value_schema(*spec.item));
  }
  if (has_kind(spec.kinds, Kind::kObject)) {
    set_size(schema, spec.members, "minProperties", "maxProperties");
    if (spec.object != nullptr) set_object(schema, *spec.object);
  }
  return schema;
}

// A list of numbers, or one of at most so many texts or lists.
Json list_forms(const ValueSpec& spec) {
  Json::Array forms;
  const auto add = [&](Kind kind, std::size_t max) {
    ValueSpec item = *spec.item;
    if (!has_kind(item.kinds, kind)) return;
    item.kinds = static_cast<Kinds>(kind);
    ValueSpec list = spec;
    list.kinds = static_cast<Kinds>(Kind::kArray);
    list.item = &item;
    list.items.max = max;
    list.max_compound_items = kNoLimit;
    forms.push_back(value_schema(list));
  };
  if (has_kind(spec.kinds, Kind::kString)) forms.push_back(value_schema(text_of(spec.text)));
  add(Kind::kInteger, spec.items.max);
  add(Kind::kString, spec.max_compound_items);
  add(Kind::kArray, spec.max_compound_items);
  return Json(Json::Object{{"anyOf", Json(std::move(forms))}});
}

std::string description_of(const FieldSpec& field) {
  std::string text(field.meaning);
  const bool is_value = text::parse_json(field.default_text).has_value();
  if (!field.is_required && !is_value) text += format(" Default: {}.", field.default_text);
  if (!field.needs.empty()) text += format(" Needs {}.", field.needs);
  switch (field.state) {
    case FieldState::kBuilt:
      break;
    case FieldState::kTemplate:
      text += " Ignored where the model's template does not read it.";
      break;
    case FieldState::kOffOnly:
    case FieldState::kNotBuilt:
      text += " Not built yet in this version: 400.";
      break;
    case FieldState::kRefused:
      text += format(" Not supported: {}.", field.note);
      break;
  }
  return text;
}

// What is refused until it is built takes nothing but its absence.
Json refused_schema(const FieldSpec& field) {
  if (field.state == FieldState::kOffOnly) {
    return Json(Json::Object{
        {"enum", Json(Json::Array{has_kind(field.value.kinds, Kind::kBoolean) ? Json(false)
                                                                              : Json(Json::Array{}),
                                  Json()})}});
  }
  return Json(Json::Object{{"type", Json("null")}});
}

Json field_schema(const FieldSpec& field) {
  const bool is_offered = field.state == FieldState::kBuilt || field.state == FieldState::kTemplate;
  Json schema = is_offered ? value_schema(field.value) : refused_schema(field);
  Json::Object& members = schema.as_object();
  if (is_offered && !field.is_required && members.find("type") != nullptr) {
    Json& type = *members.find("type");
    Json::Array types = type.is_array() ? type.as_array() : Json::Array{type};
    types.emplace_back("null");
    type = Json(std::move(types));
    if (Json* values = members.find("enum")) values->as_array().emplace_back();
  }
  members.set("description", Json(description_of(field)));
  if (!is_offered) members.set("deprecated", Json(true));
  auto given = text::parse_json(field.default_text);
  if (is_offered && given) members.set("default", std::move(*given));
  if (auto example = text::parse_json(field.example)) {
    members.set("examples", Json(Json::Array{std::move(*example)}));
  }
  return schema;
}

void set_object(Json::Object& schema, const ObjectSpec& object) {
  Json::Object properties;
  Json::Array required;
  for (const FieldSpec& field : object.fields) {
    properties.set(std::string(field.name), field_schema(field));
    if (field.is_required) required.emplace_back(field.name);
  }
  if (!properties.empty()) schema.set("properties", Json(std::move(properties)));
  if (!required.empty()) schema.set("required", Json(std::move(required)));
  if (object.others == OtherMembers::kRefused) schema.set("additionalProperties", Json(false));
  if (object.others != OtherMembers::kEach) return;
  schema.set("propertyNames", value_schema(text_of(object.key)));
  schema.set("additionalProperties", value_schema(*object.each));
}

}  // namespace

Json value_schema(const ValueSpec& spec) {
  if (spec.item != nullptr && spec.max_compound_items < kNoLimit) return list_forms(spec);
  Json::Object schema = plain_schema(spec);
  if (spec.text.values.empty() || !has_kind(spec.kinds, Kind::kString)) {
    return Json(std::move(schema));
  }
  Json::Array values;
  for (const std::string_view value : spec.text.values) values.emplace_back(value);
  Json::Object choice{{"type", Json("string")}, {"enum", Json(std::move(values))}};
  if (spec.kinds == static_cast<Kinds>(Kind::kString)) return Json(std::move(choice));
  ValueSpec rest = spec;
  rest.kinds = static_cast<Kinds>(spec.kinds & ~static_cast<Kinds>(Kind::kString));
  return Json(
      Json::Object{{"anyOf", Json(Json::Array{Json(std::move(choice)), value_schema(rest)})}});
}

Json request_schema(const FieldTable& table) {
  Json::Object schema{{"type", Json("object")}};
  // A body's other members are ignored and named, or refused (--unknown-fields).
  const ObjectSpec object{.fields = table.specs(), .others = OtherMembers::kKept};
  set_object(schema, object);
  return Json(std::move(schema));
}

}  // namespace penstock::openai
