// The messages of a chat request: what a conversation may look like.
#pragma once

#include "openai/errors.h"
#include "text/json.h"

namespace penstock::openai {

// Checks what roles, parts and companions decide together, and returns the messages without
// members that are null. `messages` has passed check_fields(); members that no row lists are handed
// to the template as they are.
[[nodiscard]] ApiResult<text::Json::Array> parse_messages(text::Json::Array messages);

}  // namespace penstock::openai
