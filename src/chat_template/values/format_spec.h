// format(value, spec): the mini-language of str.format, "{:>8}", "{:,.2f}", "{:#x}".
// Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// Appends the formatted value. Fill characters keep the origin they have in the spec.
[[nodiscard]] Status append_formatted(Runtime& runtime, TextBuilder& out, const Value& value,
                                      const Str& spec);

// Refuses widths and precisions that no budget pays for.
[[nodiscard]] Status check_width(Runtime& runtime, std::int64_t width);

}  // namespace penstock::chat_template
