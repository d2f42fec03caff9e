// What a template looks at, found without running it. Threading: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat_template/syntax/ast.h"

namespace penstock::chat_template {

struct Analysis {
  std::vector<std::string> literals;  // strings of expressions
  // A loop goes over `.content`, or over a variable that was set to it, or an element of it is
  // taken.
  bool iterates_content_parts = false;
};
[[nodiscard]] Analysis analyse(Block body);

}  // namespace penstock::chat_template
