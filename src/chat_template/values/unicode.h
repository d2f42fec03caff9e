// Characters as Python's str methods see them: classes and full case mappings.
//
// Tables come from a Python interpreter (make_unicode_tables.py), because the templates were
// written against it; text/unicode.h follows a newer Unicode and has no case. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::chat_template::unicode {

[[nodiscard]] bool is_alpha(char32_t c) noexcept;
[[nodiscard]] bool is_decimal(char32_t c) noexcept;
[[nodiscard]] bool is_digit(char32_t c) noexcept;
[[nodiscard]] bool is_numeric(char32_t c) noexcept;
[[nodiscard]] bool is_space(char32_t c) noexcept;
[[nodiscard]] bool is_upper(char32_t c) noexcept;
[[nodiscard]] bool is_lower(char32_t c) noexcept;
[[nodiscard]] bool is_title(char32_t c) noexcept;
[[nodiscard]] bool is_printable(char32_t c) noexcept;
[[nodiscard]] bool is_cased(char32_t c) noexcept;
[[nodiscard]] bool is_case_ignorable(char32_t c) noexcept;
[[nodiscard]] inline bool is_alnum(char32_t c) noexcept {
  return is_alpha(c) || is_decimal(c) || is_digit(c) || is_numeric(c);
}

// What one character becomes: one to three characters.
struct Mapped {
  std::array<char32_t, 3> chars{};
  std::uint8_t size = 0;
  [[nodiscard]] std::span<const char32_t> view() const noexcept { return {chars.data(), size}; }
};
[[nodiscard]] Mapped to_upper(char32_t c) noexcept;
[[nodiscard]] Mapped to_lower(char32_t c) noexcept;  // without the final sigma rule
[[nodiscard]] Mapped to_title(char32_t c) noexcept;
[[nodiscard]] Mapped to_folded(char32_t c) noexcept;

// The character at bytes[at] and its length; a byte that starts none counts as a character.
struct Char {
  char32_t code_point = 0;
  std::uint32_t num_bytes = 1;
};
[[nodiscard]] Char char_at(std::string_view bytes, std::size_t at) noexcept;
// Where the character that ends at `end` begins; needs end > 0.
[[nodiscard]] std::size_t char_before(std::string_view bytes, std::size_t end) noexcept;

}  // namespace penstock::chat_template::unicode
