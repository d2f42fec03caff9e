// Values as text: Python's str() and repr(). Threading: of the runtime.
#pragma once

#include <string>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// str(). A string is returned as it is, markup or not; everything else becomes data, except the
// bytes of the strings in it, which keep their origin.
[[nodiscard]] Result<const Str*> to_str(Runtime& runtime, const Value& value);
// Appends str() or repr().
[[nodiscard]] Status append_str(Runtime& runtime, TextBuilder& out, const Value& value);
[[nodiscard]] Status append_repr(Runtime& runtime, TextBuilder& out, const Value& value);
[[nodiscard]] Result<const Str*> to_repr(Runtime& runtime, const Value& value);

// repr(float): the shortest text that reads back equal, in Python's notation.
[[nodiscard]] std::string float_text(double value);

}  // namespace penstock::chat_template
