// HTML escaping, for `escape`, `safe` and what markup does to the strings it meets.
// Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"

namespace penstock::chat_template {

// Markup as it is; other text with & < > ' " as entities, as markup. An entity has the origin of
// the character it stands for.
[[nodiscard]] Result<const Str*> escape_html(Runtime& runtime, const Str& text);

}  // namespace penstock::chat_template
