// Where a model keeps its chat template.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace penstock::model {

class ModelFiles;

// The Jinja text: chat_template.jinja of a directory, else a GGUF file's tokenizer.chat_template,
// else chat_template of tokenizer_config.json (of a named list, "default"). Empty when the model
// has none; an error when a file is there and cannot be read.
[[nodiscard]] Result<std::optional<std::string>> chat_template_source(const ModelFiles& files);

}  // namespace penstock::model
