#include "chat_template/values/unicode.h"

#include <algorithm>
#include <iterator>

#include "text/utf8.h"

namespace penstock::chat_template::unicode {
namespace {

struct CharRange {
  char32_t first;
  char32_t last;
  std::uint32_t stride;
};
struct CaseRange {
  char32_t first;
  char32_t last;
  std::uint32_t stride;
  std::int32_t delta;
};
struct CaseSpecial {
  char32_t from;
  std::array<char32_t, 3> to;  // zero-filled
};

#include "chat_template/values/unicode_tables.inc"

template <class Range>
const Range* find_range(std::span<const Range> ranges, char32_t c) noexcept {
  const auto at =
      std::ranges::lower_bound(ranges, c, {}, [](const Range& range) { return range.last; });
  if (at == ranges.end() || c < at->first || (c - at->first) % at->stride != 0) return nullptr;
  return &*at;
}

bool in(std::span<const CharRange> ranges, char32_t c) noexcept {
  return find_range(ranges, c) != nullptr;
}

Mapped map(std::span<const CaseRange> ranges, std::span<const CaseSpecial> specials,
           char32_t c) noexcept {
  if (const CaseRange* range = find_range(ranges, c)) {
    return {{static_cast<char32_t>(static_cast<std::int32_t>(c) + range->delta)}, 1};
  }
  const auto at = std::ranges::lower_bound(specials, c, {}, &CaseSpecial::from);
  if (at == specials.end() || at->from != c) return {{c}, 1};
  return {at->to, static_cast<std::uint8_t>(at->to[2] != 0 ? 3 : 2)};
}

}  // namespace

bool is_alpha(char32_t c) noexcept {
  return in(kAlpha, c);
}
bool is_decimal(char32_t c) noexcept {
  return in(kDecimal, c);
}
bool is_digit(char32_t c) noexcept {
  return in(kDigit, c);
}
bool is_numeric(char32_t c) noexcept {
  return in(kNumeric, c);
}
bool is_space(char32_t c) noexcept {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20);
  return in(kSpace, c);
}
bool is_upper(char32_t c) noexcept {
  return in(kUpper, c);
}
bool is_lower(char32_t c) noexcept {
  return in(kLower, c);
}
bool is_title(char32_t c) noexcept {
  return in(kTitle, c);
}
bool is_printable(char32_t c) noexcept {
  if (c < 0x7F) return c >= 0x20;
  return in(kPrintable, c);
}
bool is_cased(char32_t c) noexcept {
  return in(kCased, c);
}
bool is_case_ignorable(char32_t c) noexcept {
  return in(kCaseIgnorable, c);
}

Mapped to_upper(char32_t c) noexcept {
  return map(kToUpper, kToUpperSpecial, c);
}
Mapped to_lower(char32_t c) noexcept {
  return map(kToLower, kToLowerSpecial, c);
}
Mapped to_title(char32_t c) noexcept {
  return map(kToTitle, kToTitleSpecial, c);
}
Mapped to_folded(char32_t c) noexcept {
  return map(kToFolded, kToFoldedSpecial, c);
}

Char char_at(std::string_view bytes, std::size_t at) noexcept {
  const auto byte = static_cast<unsigned char>(bytes[at]);
  if (byte < 0x80) return {byte, 1};
  const text::DecodedChar decoded = text::decode_utf8(bytes, at);
  if (decoded.num_bytes == 0) return {text::kReplacement, 1};
  return {decoded.code_point, decoded.num_bytes};
}

std::size_t char_before(std::string_view bytes, std::size_t end) noexcept {
  for (std::size_t back = 1; back <= 4 && back <= end; ++back) {
    const auto byte = static_cast<unsigned char>(bytes[end - back]);
    if ((byte & 0xC0) == 0x80) continue;
    // A lead byte whose sequence does not end here is a character of its own.
    if (char_at(bytes, end - back).num_bytes == back) return end - back;
    break;
  }
  return end - 1;
}

}  // namespace penstock::chat_template::unicode
