// JSON out of an untrusted file: bounded in bytes and in values before anything is built, because
// a value takes many times the memory of its text ("[],[],[],").
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "text/json.h"

namespace penstock::formats {

struct JsonBounds {
  std::size_t max_bytes = 0;
  std::size_t max_values = 0;
  std::size_t max_depth = 16;
};

// `what` names the text in errors. kInvalid, or kResourceExhausted beyond a bound.
[[nodiscard]] Result<text::Json> parse_bounded_json(std::string_view json, std::string_view what,
                                                    JsonBounds bounds);

}  // namespace penstock::formats
