// How a sentencepiece-style vocabulary writes text: U+2581 for a space, and a piece <0x0A> for each
// byte that falls back. Threading: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock::tokenizer {

inline constexpr std::string_view kMetaspace = "\u2581";

[[nodiscard]] std::string fallback_piece(char byte);
// The byte that a fallback piece stands for; nothing for any other piece.
[[nodiscard]] std::optional<char> fallback_byte(std::string_view piece);

[[nodiscard]] std::string replace_all(std::string_view text, std::string_view from,
                                      std::string_view to);
// What a piece leaves in decoded text.
[[nodiscard]] std::string text_of_plain_piece(std::string_view piece);

}  // namespace penstock::tokenizer
