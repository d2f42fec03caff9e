// The extension object `penstock` (or `nvext`) of a request.
//
// Unknown members are refused, known ones that are not built yet too, each with its path.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "openai/errors.h"
#include "openai/request.h"
#include "text/json.h"

namespace penstock::openai {

struct Extension {
  bool use_raw_prompt = false;                     // chat only
  std::optional<std::vector<TokenId>> token_data;  // chat only
};

// Reads the extension of `body` into `request` (greedy sampling, salt, annotations, extra fields)
// and returns what only one API has. Unequal values here and at top level are an error.
[[nodiscard]] ApiResult<Extension> parse_extension(const text::Json::Object& body,
                                                   GenerationRequest& request);

// The rule for cache salts, wherever they come from.
[[nodiscard]] ApiStatus check_cache_salt(std::string_view salt, std::string_view path);

}  // namespace penstock::openai
