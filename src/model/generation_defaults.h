// Reads generation_config.json.
#pragma once

#include "base/result.h"
#include "model/model_files.h"

namespace penstock::text {
class Json;
}

namespace penstock::model {

// Errors name the field. Members that say nothing about sampling are not looked at.
[[nodiscard]] Result<GenerationDefaults> parse_generation_defaults(const text::Json& json);

}  // namespace penstock::model
