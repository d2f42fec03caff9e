// The `attribute` argument of filters: "user.name", "items.0", 2. Threading: of the runtime.
#pragma once

#include <span>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

class AttributePath final {
 public:
  // None is the empty path: the item itself.
  [[nodiscard]] static Result<AttributePath> parse(Runtime& runtime, const Value& attribute);

  // What the path leads to; `fallback` replaces what is undefined on the way, unless missing.
  [[nodiscard]] Result<Value> get(Runtime& runtime, const Value& item,
                                  const Value& fallback = {}) const;
  // The same with strings in lower case, as sorting and grouping compare them.
  [[nodiscard]] Result<Value> get_folded(Runtime& runtime, const Value& item,
                                         const Value& fallback = {}) const;

 private:
  std::span<const Value> parts_;  // in the runtime's heap
};

// A string in lower case, anything else as it is.
[[nodiscard]] Result<Value> ignore_case(Runtime& runtime, const Value& value);

}  // namespace penstock::chat_template
