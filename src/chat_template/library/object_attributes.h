// Data attributes of the objects that have some. Threading: of the runtime.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// `loop.index`, `namespace.x`, `macro.name`, `range.start`, `(1).real`; nothing when absent.
[[nodiscard]] Result<std::optional<Value>> object_attribute(Runtime& runtime, const Value& object,
                                                            std::string_view name);

}  // namespace penstock::chat_template
