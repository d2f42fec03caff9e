// Unicode classes of code points, Unicode 16; for NFC see text/normalize.h.
//
// The tables are generated (make_unicode_table.py) and constant: no start-up work, about 50 KB,
// two loads per look-up. Code points over U+10FFFF count as unassigned. Threading: pure functions.
#pragma once

#include <cstdint>

namespace penstock::text {

// In the order of make_unicode_table.py.
enum class GeneralCategory : std::uint8_t {
  kUnassigned,            // Cn
  kUppercaseLetter,       // Lu
  kLowercaseLetter,       // Ll
  kTitlecaseLetter,       // Lt
  kModifierLetter,        // Lm
  kOtherLetter,           // Lo
  kNonspacingMark,        // Mn
  kSpacingMark,           // Mc
  kEnclosingMark,         // Me
  kDecimalNumber,         // Nd
  kLetterNumber,          // Nl
  kOtherNumber,           // No
  kConnectorPunctuation,  // Pc
  kDashPunctuation,       // Pd
  kOpenPunctuation,       // Ps
  kClosePunctuation,      // Pe
  kInitialPunctuation,    // Pi
  kFinalPunctuation,      // Pf
  kOtherPunctuation,      // Po
  kMathSymbol,            // Sm
  kCurrencySymbol,        // Sc
  kModifierSymbol,        // Sk
  kOtherSymbol,           // So
  kSpaceSeparator,        // Zs
  kLineSeparator,         // Zl
  kParagraphSeparator,    // Zp
  kControl,               // Cc
  kFormat,                // Cf
  kSurrogate,             // Cs
  kPrivateUse,            // Co
};

namespace internal {
extern const char kUnicodeBlocks[];
extern const unsigned char kUnicodeBlockOf[0x110000 >> 8];

inline constexpr unsigned kNotInert = 32;

[[nodiscard]] inline unsigned unicode_value(char32_t c) noexcept {
  if (c > 0x10FFFF) return 0;
  const unsigned block = kUnicodeBlockOf[c >> 8];
  return static_cast<unsigned>(kUnicodeBlocks[(block << 8) | (c & 0xFF)] - '!');
}

[[nodiscard]] constexpr std::uint32_t categories(GeneralCategory first, GeneralCategory last) {
  return (2U << static_cast<unsigned>(last)) - (1U << static_cast<unsigned>(first));
}
}  // namespace internal

[[nodiscard]] inline GeneralCategory general_category(char32_t c) noexcept {
  return static_cast<GeneralCategory>(internal::unicode_value(c) & 31);
}

// \p{L}
[[nodiscard]] inline bool is_letter(char32_t c) noexcept {
  constexpr std::uint32_t kMask =
      internal::categories(GeneralCategory::kUppercaseLetter, GeneralCategory::kOtherLetter);
  return (kMask >> (internal::unicode_value(c) & 31) & 1) != 0;
}
// \p{M}
[[nodiscard]] inline bool is_mark(char32_t c) noexcept {
  constexpr std::uint32_t kMask =
      internal::categories(GeneralCategory::kNonspacingMark, GeneralCategory::kEnclosingMark);
  return (kMask >> (internal::unicode_value(c) & 31) & 1) != 0;
}
// \p{N}
[[nodiscard]] inline bool is_number(char32_t c) noexcept {
  constexpr std::uint32_t kMask =
      internal::categories(GeneralCategory::kDecimalNumber, GeneralCategory::kOtherNumber);
  return (kMask >> (internal::unicode_value(c) & 31) & 1) != 0;
}
// White_Space: the separators, U+0009 to U+000D and U+0085.
[[nodiscard]] bool is_whitespace(char32_t c) noexcept;
// \w: Alphabetic, marks, decimal numbers, connector punctuation, join controls (UTS 18, annex C).
[[nodiscard]] bool is_word(char32_t c) noexcept;

// Whether c is the same in NFC and never reorders or composes with what is before it, so that a
// text may be cut before it and normalized in parts (UAX 15, section 9.1).
[[nodiscard]] inline bool is_nfc_inert(char32_t c) noexcept {
  return (internal::unicode_value(c) & internal::kNotInert) == 0;
}

}  // namespace penstock::text
