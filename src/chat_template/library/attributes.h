// Attributes, elements and slices: `value.name`, `value[key]`, `value[a:b:c]`.
//
// As in the sandbox of jinja2: an attribute is looked for before an element with `.` and after it
// with `[]`, what neither finds is undefined, and private or mutating attributes are undefined in
// a way that fails on use. Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

[[nodiscard]] Result<Value> get_attribute(Runtime& runtime, const Value& object, const Str& name);
[[nodiscard]] Result<Value> get_item(Runtime& runtime, const Value& object, const Value& key);

// Bounds that were left out are None.
struct SliceBounds {
  Value start = Value::none();
  Value stop = Value::none();
  Value step = Value::none();
};
[[nodiscard]] Result<Value> get_slice(Runtime& runtime, const Value& object,
                                      const SliceBounds& bounds);

// The method that `object.name` would find, without binding it; null for anything else.
[[nodiscard]] const NativeDef* find_method(const Value& object, std::string_view name) noexcept;

// Only what getattr() finds, for the `attr` filter; nothing when there is none.
[[nodiscard]] Result<std::optional<Value>> find_attribute(Runtime& runtime, const Value& object,
                                                          const Str& name);

}  // namespace penstock::chat_template
