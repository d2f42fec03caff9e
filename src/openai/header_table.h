// The request headers that this server reads beside the body, as data (http-api, section 10).
//
// A header wins over the extension object's member of the same meaning. Values are text; where
// `value` is an integer, its decimal form. Threading: constants.
#pragma once

#include <span>
#include <string_view>

#include "openai/field_spec.h"

namespace penstock::openai {

struct HeaderSpec {
  std::string_view name{};
  std::string_view alias{};  // another name of it; may be empty
  ValueSpec value{};         // kInteger or kString
  std::string_view meaning{};
  FieldState state = FieldState::kBuilt;
};

// Of requests that generate.
[[nodiscard]] std::span<const HeaderSpec> request_headers() noexcept;
// What answers carry; a `kNotBuilt` row is not sent yet.
[[nodiscard]] std::span<const HeaderSpec> response_headers() noexcept;

}  // namespace penstock::openai
