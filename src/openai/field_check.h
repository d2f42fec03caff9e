// Values against their specs. Whatever a body holds, the answer is "fits", or one error that names
// the place, the value, the limit and what to do.
//
// JSON null equals an absent member. Threading: pure functions. O(bytes of the value).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "openai/field_spec.h"
#include "text/json.h"

namespace penstock::openai {

// Where a value is, spelled only when an error needs it: messages[2].content[0].type. Each step
// refers to the one before, which outlives it.
class FieldPath final {
 public:
  explicit FieldPath(std::string_view name) : name_(name) {}

  [[nodiscard]] FieldPath member(std::string_view name) const { return {this, name}; }
  [[nodiscard]] FieldPath item(std::size_t index) const { return {this, index}; }
  // A name that the client chose is shortened.
  [[nodiscard]] std::string text() const;

 private:
  FieldPath(const FieldPath* parent, std::string_view name) : parent_(parent), name_(name) {}
  FieldPath(const FieldPath* parent, std::size_t index)
      : parent_(parent), index_(index), is_item_(true) {}

  const FieldPath* parent_ = nullptr;
  std::string_view name_;
  std::size_t index_ = 0;
  bool is_item_ = false;
};

// `value` is not null.
[[nodiscard]] ApiStatus check_value(const text::Json& value, const ValueSpec& spec,
                                    const FieldPath& path);
// A member that is there: first whether it is offered, then its value.
[[nodiscard]] ApiStatus check_field(const text::Json& value, const FieldSpec& spec,
                                    const FieldPath& path);
// Every required field of `fields` is there, and what each needs beside it. `path`: of the object;
// null for the body itself.
[[nodiscard]] ApiStatus check_companions(const text::Json::Object& object,
                                         std::span<const FieldSpec> fields, const FieldPath* path);

// The rule for a header or a query value that is a plain text.
[[nodiscard]] ApiStatus check_text(std::string_view text, const TextSpec& spec,
                                   const FieldPath& path);

}  // namespace penstock::openai
