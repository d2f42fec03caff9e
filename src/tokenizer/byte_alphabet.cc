#include "tokenizer/byte_alphabet.h"

#include <array>

#include "text/utf8.h"

namespace penstock::tokenizer {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr auto kCharacters = [] {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    characters[byte] = stands_for_itself(byte) ? byte : next++;
  }
  return characters;
}();

constexpr std::size_t kEnd = 0x144;
constexpr std::int16_t kNoByte = -1;
constexpr auto kBytes = [] {
  std::array<std::int16_t, kEnd> bytes{};
  bytes.fill(kNoByte);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    bytes[kCharacters[byte]] = static_cast<std::int16_t>(byte);
  }
  return bytes;
}();
static_assert(kCharacters[' '] == U'Ġ' && kCharacters[0xAD] == kEnd - 1);

}  // namespace

char32_t character_of_byte(std::uint8_t byte) noexcept {
  return kCharacters[byte];
}

std::optional<std::uint8_t> byte_of_character(char32_t character) noexcept {
  if (character >= kEnd || kBytes[character] == kNoByte) return std::nullopt;
  return static_cast<std::uint8_t>(kBytes[character]);
}

bool append_bytes_of_piece(std::string& out, std::string_view piece) {
  const std::size_t start = out.size();
  for (std::size_t at = 0; at < piece.size();) {
    const text::DecodedChar c = text::decode_utf8(piece, at);
    const auto byte = c.num_bytes == 0 ? std::nullopt : byte_of_character(c.code_point);
    if (!byte) {
      out.resize(start);
      return false;
    }
    out += static_cast<char>(*byte);
    at += c.num_bytes;
  }
  return true;
}

}  // namespace penstock::tokenizer
