// The render's input as values. Strings borrow the input's bytes. Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/value.h"
#include "text/json.h"

namespace penstock::chat_template {

// Every string in it, keys too, gets `origin`. `json` must outlive the runtime.
[[nodiscard]] Result<Value> from_json(Runtime& runtime, const text::Json& json, Origin origin);

}  // namespace penstock::chat_template
