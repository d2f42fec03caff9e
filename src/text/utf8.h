// UTF-8: validation, decoding, encoding. Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::text {

inline constexpr char32_t kReplacement = 0xFFFD;

// The first byte that does not belong to a well-formed sequence (Unicode 15, table 3-7), or npos.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view bytes) noexcept;

struct DecodedChar {
  char32_t code_point = 0;
  std::uint8_t num_bytes = 0;  // 0: not well-formed at this place
};
// Decodes the character that starts at bytes[at]; needs at < bytes.size().
[[nodiscard]] DecodedChar decode_utf8(std::string_view bytes, std::size_t at) noexcept;

void append_utf8(std::string& out, char32_t code_point);

// How many bytes at the end of `bytes` may still become a character when more follow: 0 to 3.
[[nodiscard]] std::size_t incomplete_utf8_tail(std::string_view bytes) noexcept;

// `bytes` with each maximal ill-formed run replaced by one U+FFFD.
[[nodiscard]] std::string replace_invalid_utf8(std::string_view bytes);
// The same for bytes that come in parts, cut between characters: `in_ill_formed_run` carries from
// part to part whether the last bytes were ill-formed, false before the first.
void append_replacing_invalid(std::string& out, std::string_view bytes, bool& in_ill_formed_run);

}  // namespace penstock::text
