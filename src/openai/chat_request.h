// From the body of POST /v1/chat/completions to a ChatRequest.
#pragma once

#include "openai/errors.h"
#include "openai/field_table.h"
#include "openai/request.h"
#include "text/json.h"

namespace penstock::openai {

// `table` is FieldTable::chat(). O(bytes of the body), whose messages are moved, not copied.
[[nodiscard]] ApiResult<ChatRequest> parse_chat_request(text::Json body, const FieldTable& table,
                                                        UnknownFields unknown);

}  // namespace penstock::openai
