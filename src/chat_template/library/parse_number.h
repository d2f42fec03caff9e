// int("...") and float("...") of Python. Threading: pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "chat_template/values/value.h"

namespace penstock::chat_template {

// Nothing when the text is no integer in this base (0: by its prefix); an error when it is one
// that does not fit 64 bits, or when the base is out of range.
[[nodiscard]] Result<std::optional<Value>> parse_int(std::string_view text, std::int64_t base);
[[nodiscard]] std::optional<double> parse_float(std::string_view text);

}  // namespace penstock::chat_template
