// The fields that chat and completions share: from a checked body to a GenerationRequest.
#pragma once

#include "openai/errors.h"
#include "openai/request.h"
#include "text/json.h"

namespace penstock::openai {

// All but max_tokens, n's companions and logprobs, whose rules differ per API. `body` has passed
// check_fields().
[[nodiscard]] ApiResult<GenerationRequest> parse_shared_fields(const text::Json::Object& body);

}  // namespace penstock::openai
