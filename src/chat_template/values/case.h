// Changing the case of text as Python does, character by character, origins kept.
// Threading: of the runtime.
#pragma once

#include "base/result.h"
#include "chat_template/values/runtime.h"
#include "chat_template/values/str.h"

namespace penstock::chat_template {

enum class CaseChange : std::uint8_t { kUpper, kLower, kTitle, kCapitalize, kSwap, kFold };

// Markup stays markup.
[[nodiscard]] Result<const Str*> change_case(Runtime& runtime, const Str& text, CaseChange change);
// The `title` filter: a word starts after spaces and - ( { [ <, unlike in str.title().
[[nodiscard]] Result<const Str*> title_words(Runtime& runtime, const Str& text);

}  // namespace penstock::chat_template
