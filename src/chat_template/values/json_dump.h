// json.dumps, with the options that the `tojson` filter passes on. Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  const Str* indent = nullptr;          // null: everything on one line
  const Str* item_separator = nullptr;  // null: json.dumps's default
  const Str* key_separator = nullptr;
};

// Bytes of strings keep their origin; brackets, digits and default separators are data.
[[nodiscard]] Result<const Str*> dump_json(Runtime& runtime, const Value& value,
                                           const JsonStyle& style);

}  // namespace penstock::chat_template
