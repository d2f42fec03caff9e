// The extension object `penstock` (or `nvext`) of a request.
#pragma once

#include <optional>
#include <vector>

#include "openai/errors.h"
#include "openai/request.h"
#include "text/json.h"

namespace penstock::openai {

struct Extension {
  bool use_raw_prompt = false;                     // chat only
  std::optional<std::vector<TokenId>> token_data;  // chat only
};

// Reads the extension of `body`, which has passed check_fields(), into `request` and returns what
// only one API has. Unequal values here and at top level are an error.
[[nodiscard]] ApiResult<Extension> parse_extension(const text::Json::Object& body,
                                                   GenerationRequest& request);

}  // namespace penstock::openai
