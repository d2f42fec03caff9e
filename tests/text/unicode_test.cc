#include "text/unicode.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>

namespace penstock::text {
namespace {

// Ranges of code points as tests/oracles/tokenizer_goldens.py writes them, LEB128.
class ClassReader final {
 public:
  ClassReader() {
    std::ifstream file(PENSTOCK_SOURCE_DIR "/tests/tokenizer/data/unicode.golden",
                       std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    EXPECT_FALSE(bytes_.empty());
  }
  std::vector<bool> next_class() {
    std::vector<bool> members(0x110000);
    for (std::uint32_t ranges = number(); ranges > 0; --ranges) {
      const std::uint32_t begin = number();
      const std::uint32_t end = number();
      for (std::uint32_t c = begin; c < end; ++c) members[c] = true;
    }
    return members;
  }

 private:
  std::uint32_t number() {
    std::uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes_.at(at_++));
      value |= (byte & 0x7FU) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string bytes_;
  std::size_t at_ = 0;
};

TEST(Unicode, classes_are_those_of_the_reference_for_every_code_point) {
  ClassReader reader;
  const std::vector<bool> letters = reader.next_class();
  const std::vector<bool> numbers = reader.next_class();
  const std::vector<bool> spaces = reader.next_class();
  const std::vector<bool> marks = reader.next_class();
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    ASSERT_EQ(is_letter(c), letters[c]) << std::hex << static_cast<std::uint32_t>(c);
    ASSERT_EQ(is_number(c), numbers[c]) << std::hex << static_cast<std::uint32_t>(c);
    ASSERT_EQ(is_whitespace(c), spaces[c]) << std::hex << static_cast<std::uint32_t>(c);
    ASSERT_EQ(is_mark(c), marks[c]) << std::hex << static_cast<std::uint32_t>(c);
  }
}

TEST(Unicode, categories_of_well_known_characters) {
  EXPECT_EQ(general_category(U'A'), GeneralCategory::kUppercaseLetter);
  EXPECT_EQ(general_category(U'ß'), GeneralCategory::kLowercaseLetter);
  EXPECT_EQ(general_category(U'ǅ'), GeneralCategory::kTitlecaseLetter);
  EXPECT_EQ(general_category(U'ʰ'), GeneralCategory::kModifierLetter);
  EXPECT_EQ(general_category(U'字'), GeneralCategory::kOtherLetter);
  EXPECT_EQ(general_category(0x0301), GeneralCategory::kNonspacingMark);
  EXPECT_EQ(general_category(0x20DD), GeneralCategory::kEnclosingMark);
  EXPECT_EQ(general_category(U'7'), GeneralCategory::kDecimalNumber);
  EXPECT_EQ(general_category(U'Ⅳ'), GeneralCategory::kLetterNumber);
  EXPECT_EQ(general_category(U'½'), GeneralCategory::kOtherNumber);
  EXPECT_EQ(general_category(U'_'), GeneralCategory::kConnectorPunctuation);
  EXPECT_EQ(general_category(U'€'), GeneralCategory::kCurrencySymbol);
  EXPECT_EQ(general_category(U'😀'), GeneralCategory::kOtherSymbol);
  EXPECT_EQ(general_category(U' '), GeneralCategory::kSpaceSeparator);
  EXPECT_EQ(general_category(0x2028), GeneralCategory::kLineSeparator);
  EXPECT_EQ(general_category(U'\n'), GeneralCategory::kControl);
  EXPECT_EQ(general_category(0x200D), GeneralCategory::kFormat);
  EXPECT_EQ(general_category(0xD800), GeneralCategory::kSurrogate);
  EXPECT_EQ(general_category(0xE000), GeneralCategory::kPrivateUse);
  EXPECT_EQ(general_category(0x0378), GeneralCategory::kUnassigned);
}

TEST(Unicode, beyond_the_last_code_point_nothing_is_assigned) {
  for (const char32_t c : {char32_t{0x110000}, char32_t{0xFFFFFFFF}}) {
    EXPECT_EQ(general_category(c), GeneralCategory::kUnassigned);
    EXPECT_FALSE(is_letter(c) || is_number(c) || is_whitespace(c) || is_word(c));
  }
}

TEST(Unicode, word_characters_are_letters_marks_digits_joiners_and_low_lines) {
  for (const char32_t c :
       {U'a', U'字', U'7', U'Ⅳ', U'_', U'‿', U'Ⓐ', U'🅰', char32_t{0x0301}, char32_t{0x200D}}) {
    EXPECT_TRUE(is_word(c)) << std::hex << static_cast<std::uint32_t>(c);
  }
  for (const char32_t c : {U' ', U'-', U'½', U'€', U'😀', U'\'', char32_t{0x200B}}) {
    EXPECT_FALSE(is_word(c)) << std::hex << static_cast<std::uint32_t>(c);
  }
}

}  // namespace
}  // namespace penstock::text
