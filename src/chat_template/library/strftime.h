// strftime of the C locale on UTC. Threading: of the runtime.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"

namespace penstock::chat_template {

// Microseconds since the Unix epoch as `format` says, glibc's flags (%-d) and Python's %f
// included. Text of the format keeps its origin; what is filled in is data.
[[nodiscard]] Result<const Str*> format_time(Runtime& runtime, std::int64_t unix_us,
                                             const Str& format);

}  // namespace penstock::chat_template
