#include "text/unicode.h"

namespace penstock::text {
namespace internal {
#include "text/unicode_table.inc"
}  // namespace internal

bool is_whitespace(char32_t c) noexcept {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D);
  constexpr std::uint32_t kMask =
      internal::categories(GeneralCategory::kSpaceSeparator, GeneralCategory::kParagraphSeparator);
  return (kMask >> (internal::unicode_value(c) & 31) & 1) != 0 || c == 0x85;
}

bool is_word(char32_t c) noexcept {
  constexpr std::uint32_t kMask =
      internal::categories(GeneralCategory::kUppercaseLetter, GeneralCategory::kLetterNumber) |
      internal::categories(GeneralCategory::kConnectorPunctuation,
                           GeneralCategory::kConnectorPunctuation);
  if ((kMask >> (internal::unicode_value(c) & 31) & 1) != 0) return true;
  // Join controls, and the circled and squared letters: symbols that are Alphabetic.
  return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
         (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

}  // namespace penstock::text
