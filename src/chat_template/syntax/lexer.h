// Cuts a template into tokens, with the white space rules that chat templates are written for:
// trim_blocks, lstrip_blocks, one trailing newline dropped, and the -/+ signs of tags.
// Threading: pure; the tokens point into `heap`.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat_template/syntax/token.h"
#include "chat_template/values/heap.h"

namespace penstock::chat_template {

// Ends with a kEnd token. Brackets are balanced in what it returns. O(source).
[[nodiscard]] Result<std::vector<Token>> tokenize(Heap& heap, std::string_view source);

template <class... Args>
[[nodiscard]] std::unexpected<Error> syntax_error(std::uint32_t line, format_string<Args...> text,
                                                  Args&&... args) {
  return make_error(ErrorCode::kInvalid, "chat template, line {}: {}", line,
                    format(text, std::forward<Args>(args)...));
}

}  // namespace penstock::chat_template
