// Text operations that methods and filters share. Threading: of the runtime.
#pragma once

#include <vector>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"

namespace penstock::chat_template {

// Each occurrence of `from` becomes `to`, at most `count` of them (negative: all). An empty `from`
// is found before every character and at the end. The result is plain text.
[[nodiscard]] Result<const Str*> replace_text(Runtime& runtime, const Str& text, const Str& from,
                                              const Str& to, std::int64_t count);

struct StripSides {
  bool left = true;
  bool right = true;
};
// Without `chars`, white space is stripped.
[[nodiscard]] Result<const Str*> strip_text(Runtime& runtime, const Str& text, const Str* chars,
                                            StripSides sides = {});

struct Line {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;   // without the line break
  std::uint32_t next = 0;  // after the line break
};
// As str.splitlines() cuts.
[[nodiscard]] std::vector<Line> split_lines(std::string_view text);

}  // namespace penstock::chat_template
