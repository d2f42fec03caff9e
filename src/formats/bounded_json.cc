#include "formats/bounded_json.h"

#include <algorithm>
#include <utility>

namespace penstock::formats {

Result<text::Json> parse_bounded_json(std::string_view json, std::string_view what,
                                      JsonBounds bounds) {
  if (json.size() > bounds.max_bytes) {
    return make_error(ErrorCode::kResourceExhausted, "{} has {} bytes; the limit is {}", what,
                      json.size(), bounds.max_bytes);
  }
  // Every value but the first follows one of these; those inside strings make it an upper bound.
  const auto values = static_cast<std::size_t>(
      std::ranges::count_if(json, [](char c) { return c == ',' || c == '[' || c == '{'; }));
  if (values > bounds.max_values) {
    return make_error(ErrorCode::kResourceExhausted, "{} has about {} values; the limit is {}",
                      what, values, bounds.max_values);
  }
  Result<text::Json> parsed = text::parse_json(json, {.max_depth = bounds.max_depth});
  if (!parsed) return std::unexpected<Error>(std::move(parsed).error().with_context(what));
  return parsed;
}

}  // namespace penstock::formats
