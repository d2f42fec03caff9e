// String and number literals. Threading: pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "chat_template/values/heap.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// A trusted string that threads may share.
[[nodiscard]] const Str* make_literal(Heap& heap, std::string_view text);

// What stands between the quotes, with Python's escapes resolved.
[[nodiscard]] Result<const Str*> decode_string(Heap& heap, std::string_view body,
                                               std::uint32_t line);

// The number that `text` begins with, and how many bytes it takes; none when it begins otherwise.
struct Number {
  Value value;
  std::size_t num_bytes = 0;
};
[[nodiscard]] Result<Number> scan_number(std::string_view text, bool after_dot, std::uint32_t line);

}  // namespace penstock::chat_template
