// The % operator on strings: "%s: %5.2f" % (name, number). Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// `arguments` is a tuple of values, a dict for "%(name)s", or one value.
[[nodiscard]] Result<Value> percent_format(Runtime& runtime, const Str& pattern,
                                           const Value& arguments);

}  // namespace penstock::chat_template
