#include "tokenizer/plain_alphabet.h"

#include "base/format.h"

namespace penstock::tokenizer {

std::string fallback_piece(char byte) {
  return format("<0x{:02X}>", static_cast<unsigned char>(byte));
}

std::optional<char> fallback_byte(std::string_view piece) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  const std::size_t high = kDigits.find(piece[3]);
  const std::size_t low = kDigits.find(piece[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = text.find(from); at != std::string_view::npos;
       at = text.find(from, copied)) {
    out.append(text.substr(copied, at - copied)).append(to);
    copied = at + from.size();
  }
  return out.append(text.substr(copied));
}

std::string text_of_plain_piece(std::string_view piece) {
  if (const auto byte = fallback_byte(piece)) return std::string(1, *byte);
  return replace_all(piece, kMetaspace, " ");
}

}  // namespace penstock::tokenizer
