// Base64 (RFC 4648, section 4, with padding). Every text of bytes has one spelling; others are
// kInvalid. Threading: pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace penstock::text {

[[nodiscard]] std::string encode_base64(std::span<const std::byte> bytes);
[[nodiscard]] Result<std::string> decode_base64(std::string_view text);

}  // namespace penstock::text
