// What secrets need: a keyed digest, and a comparison that does not tell how much was right.
//
// Threading: free functions on values.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/hash.h"

namespace penstock {

// HMAC-SHA256 (RFC 2104).
[[nodiscard]] Sha256Digest hmac_sha256(std::string_view key, std::string_view message);

// Takes the same time wherever the two differ. Of unequal sizes: false at once, so compare digests
// where the size is secret too.
[[nodiscard]] bool equal_in_constant_time(std::span<const std::byte> a,
                                          std::span<const std::byte> b) noexcept;

}  // namespace penstock
