// What a request may say, as data: kinds, ranges, values, members, and what each field is for.
//
// A FieldSpec is one row of a table (field_rows.h); validation (field_check.h) and the description
// of the API (openapi.h) both read it, so they cannot disagree. Rows are constants: everything a
// spec points to lives as long as the process.
//
//   {"temperature", number(0, 2), "card, else 1", "How much chance has a say; 0 is greedy."},
//   {"stop", either(text_bytes(1, 256), array_of(kStopString, 0, 16)), "none", "..."},
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "openai/errors.h"

namespace penstock::openai {

// What a JSON value may be. A number without a fraction is an integer too.
enum class Kind : std::uint8_t {
  kBoolean = 1,
  kInteger = 2,
  kNumber = 4,
  kString = 8,
  kArray = 16,
  kObject = 32,
};
using Kinds = std::uint8_t;
inline constexpr Kinds kAnyKind = 63;

struct IntegerRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
struct NumberRange {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool excludes_min = false;
};
struct SizeRange {
  std::size_t min = 0;
  std::size_t max = std::numeric_limits<std::size_t>::max();
};

enum class TextUnit : std::uint8_t { kCharacters, kBytes };
enum class TextForm : std::uint8_t {
  kAny,
  kName,     // A-Z, a-z, 0-9, '.', '_', ':', '-'
  kTokenId,  // a decimal number below 2^32, without leading zeros
};

struct TextSpec {
  SizeRange size{};
  TextUnit unit = TextUnit::kCharacters;
  TextForm form = TextForm::kAny;
  std::span<const std::string_view> values{};        // these alone; empty: any
  std::span<const std::string_view> not_built{};     // of the API, refused until they are built
  ApiErrorCode error = ApiErrorCode::kInvalidValue;  // of a value that is none of these
};

struct ObjectSpec;

// The constraints of each kind that `kinds` names.
struct ValueSpec {
  Kinds kinds = kAnyKind;
  IntegerRange integer{};
  NumberRange number{};
  TextSpec text{};
  SizeRange items{};
  const ValueSpec* item = nullptr;  // null: items of any form
  bool items_are_alike = false;     // all numbers, all texts or all arrays
  // Holds for texts and arrays in an array, where numbers may be more (a prompt's token ids).
  std::size_t max_compound_items = std::numeric_limits<std::size_t>::max();
  SizeRange members{};
  const ObjectSpec* object = nullptr;  // null: members of any form
};

enum class FieldState : std::uint8_t {
  kBuilt,
  kTemplate,  // takes effect when the model's chat template reads it; else as if unlisted
  kOffOnly,   // of the API; false and empty pass, more is refused until it is built
  kNotBuilt,  // of the API, refused until it is built
  kRefused,   // known from elsewhere, never offered; the note says what to use
};

struct FieldSpec {
  std::string_view name{};
  ValueSpec value{};
  std::string_view default_text{};  // JSON where the default is a value, else words
  std::string_view meaning{};       // one sentence
  FieldState state = FieldState::kBuilt;
  std::string_view note{};     // kRefused: what to do instead
  std::string_view example{};  // JSON, where the ranges alone do not give a good value
  bool is_required = false;
  std::string_view needs{};  // a field beside this one that must be true for it
};

enum class OtherMembers : std::uint8_t {
  kRefused,
  kKept,  // whoever uses the object gives them meaning
  kEach,  // they are what the object is for: `key` and `each` hold for all
};

constexpr FieldSpec required(FieldSpec row) {
  row.is_required = true;
  return row;
}
constexpr FieldSpec with_example(FieldSpec row, std::string_view json) {
  row.example = json;
  return row;
}
constexpr FieldSpec beside(FieldSpec row, std::string_view needed) {
  row.needs = needed;
  return row;
}

struct ObjectSpec {
  std::span<const FieldSpec> fields{};
  OtherMembers others = OtherMembers::kRefused;
  TextSpec key{};
  const ValueSpec* each = nullptr;
};

// Rows read as the table they come from.
constexpr Kinds operator|(Kind a, Kind b) {
  return static_cast<Kinds>(static_cast<Kinds>(a) | static_cast<Kinds>(b));
}
constexpr Kinds operator|(Kinds a, Kind b) {
  return static_cast<Kinds>(a | static_cast<Kinds>(b));
}
constexpr bool has_kind(Kinds kinds, Kind kind) noexcept {
  return (kinds & static_cast<Kinds>(kind)) != 0;
}
constexpr ValueSpec of_kind(Kind kind) {
  return {.kinds = static_cast<Kinds>(kind)};
}
constexpr ValueSpec boolean() {
  return of_kind(Kind::kBoolean);
}
constexpr ValueSpec integer(std::int64_t min, std::int64_t max) {
  ValueSpec spec = of_kind(Kind::kInteger);
  spec.integer = {min, max};
  return spec;
}
constexpr ValueSpec number(double min, double max) {
  ValueSpec spec = of_kind(Kind::kNumber);
  spec.number = {min, max};
  return spec;
}
constexpr ValueSpec number_above(double min, double max) {
  ValueSpec spec = number(min, max);
  spec.number.excludes_min = true;
  return spec;
}
constexpr ValueSpec text_of(const TextSpec& text) {
  ValueSpec spec = of_kind(Kind::kString);
  spec.text = text;
  return spec;
}
constexpr ValueSpec any_text() {
  return of_kind(Kind::kString);
}
constexpr ValueSpec characters(std::size_t min, std::size_t max) {
  return text_of({.size = {min, max}});
}
constexpr ValueSpec text_bytes(std::size_t min, std::size_t max) {
  return text_of({.size = {min, max}, .unit = TextUnit::kBytes});
}
constexpr ValueSpec one_of(std::span<const std::string_view> values) {
  return text_of({.values = values});
}
constexpr ValueSpec array_of(const ValueSpec& item, std::size_t min, std::size_t max) {
  ValueSpec spec = of_kind(Kind::kArray);
  spec.item = &item;
  spec.items = {min, max};
  return spec;
}
constexpr ValueSpec any_array() {
  return of_kind(Kind::kArray);
}
constexpr ValueSpec any_object() {
  return of_kind(Kind::kObject);
}
constexpr ValueSpec object(const ObjectSpec& members,
                           std::size_t max = std::numeric_limits<std::size_t>::max()) {
  ValueSpec spec = any_object();
  spec.object = &members;
  spec.members.max = max;
  return spec;
}
// Text, or an array.
constexpr ValueSpec either(const ValueSpec& text, const ValueSpec& array) {
  ValueSpec spec = array;
  spec.kinds = Kind::kString | Kind::kArray;
  spec.text = text.text;
  return spec;
}

}  // namespace penstock::openai
