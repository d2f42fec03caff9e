// Callables that a template makes while it runs, and the state of a running loop.
//
// The syntax they point to lives in the compiled template; the frames they close over live in the
// heap, like every value. Threading: of the runtime.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "chat_template/values/str.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

struct MacroNode;
struct ForNode;

// The variables of one running function (the template, a macro, a recursive loop).
struct Frame {
  Value* slots = nullptr;
  Frame* outer = nullptr;  // of the function it was defined in
};

struct Macro {
  const MacroNode* node = nullptr;
  const Str* name = nullptr;  // null: the body of a call block
  Frame* outer = nullptr;
};

// The `loop` variable. It reads one item ahead when asked for `last` or `nextitem`.
struct Loop {
  Iterator* items = nullptr;
  Value source;  // what the loop goes over, for its length; kMissing when only iteration tells
  std::int64_t index0 = -1;
  std::int64_t depth0 = 0;
  std::int64_t known_length = -1;
  bool has_ahead = false;
  bool at_end = false;
  Value ahead;
  Value current;
  Value before;
  Value last_changed;                  // tuple of the last loop.changed(...) call
  const ForNode* recursive = nullptr;  // set for recursive loops
  Frame* outer = nullptr;

  // Steps to the next item; nothing at the end.
  [[nodiscard]] Result<std::optional<Value>> advance(Runtime& runtime);
  // The item after the current one, without stepping.
  [[nodiscard]] Result<std::optional<Value>> peek(Runtime& runtime);
  [[nodiscard]] Result<std::int64_t> length(Runtime& runtime);
};

[[nodiscard]] Status append_loop(Runtime& runtime, TextBuilder& out, Loop& loop);

}  // namespace penstock::chat_template
