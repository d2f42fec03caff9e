// From the body of POST /v1/completions to a CompletionRequest.
#pragma once

#include "openai/errors.h"
#include "openai/field_table.h"
#include "openai/request.h"
#include "text/json.h"

namespace penstock::openai {

inline constexpr std::uint32_t kDefaultCompletionTokens = 16;

// `table` is FieldTable::completions(). O(bytes of the body).
[[nodiscard]] ApiResult<CompletionRequest> parse_completion_request(const text::Json& body,
                                                                    const FieldTable& table,
                                                                    UnknownFields unknown);

}  // namespace penstock::openai
