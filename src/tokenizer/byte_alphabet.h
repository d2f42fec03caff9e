// The byte-level alphabet of GPT-2: every byte has a printable character, so that a vocabulary of
// any bytes can be written as text. Printable Latin-1 stands for itself, the other 68 bytes for
// U+0100 to U+0143 in order. Threading: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::tokenizer {

[[nodiscard]] char32_t character_of_byte(std::uint8_t byte) noexcept;
// Nothing for a character outside the alphabet.
[[nodiscard]] std::optional<std::uint8_t> byte_of_character(char32_t character) noexcept;

// Appends the bytes that `piece` spells; false, with `out` as it was, when a character of it is
// outside the alphabet.
bool append_bytes_of_piece(std::string& out, std::string_view piece);

}  // namespace penstock::tokenizer
