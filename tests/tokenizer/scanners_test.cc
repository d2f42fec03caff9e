// The hand-written scanners against the patterns they stand for, run by PCRE2.

#include "tokenizer/scanners.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode.h"
#include "text/utf8.h"
#include "tokenizer/definition.h"
#include "tokenizer/regex.h"

namespace penstock::tokenizer {
namespace {

std::vector<std::string> scan_all(Scanner scan, std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = scan(text, at);
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::vector<std::string> match_all(const Regex& regex, std::string_view text) {
  std::vector<std::string> words;
  Regex::Matches matches(regex, text);
  for (auto match = matches.next(); match && *match; match = matches.next()) {
    words.emplace_back(text.substr((*match)->begin, (*match)->end - (*match)->begin));
  }
  return words;
}

using Words = std::vector<std::string>;

TEST(Scanners, gpt2_takes_a_space_with_what_follows_it) {
  EXPECT_EQ(scan_all(scan_gpt2, "Hello  world 42!? ok"),
            (Words{"Hello", " ", " world", " 42", "!?", " ok"}));
  EXPECT_EQ(scan_all(scan_gpt2, "I'll don't 'S"), (Words{"I", "'ll", " don", "'t", " '", "S"}));
  EXPECT_EQ(scan_all(scan_gpt2, "a\n\n b\t "), (Words{"a", "\n\n", " b", "\t "}));
  EXPECT_EQ(scan_all(scan_gpt2, "x\u3000\u3000y"), (Words{"x", "\u3000", "\u3000", "y"}));
}

TEST(Scanners, llama3_takes_three_digits_at_once_and_newlines_with_punctuation) {
  EXPECT_EQ(scan_all(scan_llama3, "1234567 ok"), (Words{"123", "456", "7", " ok"}));
  EXPECT_EQ(scan_all(scan_llama3, "end.\r\n\r\nNext"), (Words{"end", ".\r\n\r\n", "Next"}));
  EXPECT_EQ(scan_all(scan_llama3, "a \n \n  b"), (Words{"a", " \n \n", " ", " b"}));
  EXPECT_EQ(scan_all(scan_llama3, "(word) \tx"), (Words{"(word", ")", " ", "\tx"}));
}

TEST(Scanners, llama3_contractions_ignore_case_and_know_the_long_s) {
  EXPECT_EQ(scan_all(scan_llama3, "IT'S we'LL a'\u017Fb"),
            (Words{"IT", "'S", " we", "'LL", " a", "'\u017F", "b"}));
}

TEST(Scanners, qwen2_takes_one_digit_at_a_time) {
  EXPECT_EQ(scan_all(scan_qwen2, "12 ½3"), (Words{"1", "2", " ", "½", "3"}));
}

TEST(Scanners, numbers_are_found_and_skipped) {
  EXPECT_EQ(find_number("ab٣c", 0), 2U);
  EXPECT_EQ(find_number("abc", 0), 3U);
  EXPECT_EQ(skip_numbers("1٣½x", 0), 5U);
}

struct Pair {
  const char* name;
  Scanner scan;
  std::string_view pattern;
};

class ScannerFuzz : public testing::TestWithParam<Pair> {
 protected:
  // Characters whose classes are the same in PCRE2's Unicode and in ours.
  static const std::vector<char32_t>& shared_characters() {
    static const std::vector<char32_t> characters = [] {
      std::string all;
      for (char32_t c = 0; c <= 0x10FFFF; ++c) {
        if (c < 0xD800 || c >= 0xE000) text::append_utf8(all, c);
      }
      const auto members = [&all](std::string_view pattern) {
        std::vector<bool> found(0x110000);
        const Regex regex = Regex::compile(pattern).value();
        Regex::Matches matches(regex, all);
        for (auto match = matches.next(); match && *match; match = matches.next()) {
          found[text::decode_utf8(all, (*match)->begin).code_point] = true;
        }
        return found;
      };
      const std::vector<bool> letters = members("\\p{L}");
      const std::vector<bool> numbers = members("\\p{N}");
      const std::vector<bool> spaces = members("\\s");
      std::vector<char32_t> same;
      for (char32_t c = 0; c <= 0x10FFFF; ++c) {
        if (c >= 0xD800 && c < 0xE000) continue;
        if (letters[c] == text::is_letter(c) && numbers[c] == text::is_number(c) &&
            spaces[c] == text::is_whitespace(c)) {
          same.push_back(c);
        }
      }
      return same;
    }();
    return characters;
  }

  static std::string draw(std::mt19937_64& rng) {
    // What the patterns tell apart, often; anything, sometimes.
    constexpr char32_t kOften[] = {U' ',  U' ',   U' ', U'\n',  U'\r',  U'\t', U'\'', U'\'',
                                   U's',  U't',   U'r', U'e',   U'v',   U'm',  U'l',  U'd',
                                   U'S',  U'L',   U'é', U'字',  U'1',   U'2',  U'½',  U'!',
                                   U'-',  0x85,   0xA0, 0x301,  0x3000, 0x17F, U'R',  U'E',
                                   U'😀', 0x200D, U'٣', 0x2028, U'_',   0x0,   0x1F,  0x212A};
    const auto& any = shared_characters();
    std::string text;
    for (std::uint64_t n = rng() % 14; n > 0; --n) {
      const bool often = rng() % 8 != 0;
      text::append_utf8(text, often ? kOften[rng() % std::size(kOften)] : any[rng() % any.size()]);
    }
    return text;
  }
};

TEST_P(ScannerFuzz, cuts_as_the_pattern_does) {
  const Regex regex = Regex::compile(GetParam().pattern).value();
  std::mt19937_64 rng(23);
  for (int i = 0; i < 50'000; ++i) {
    const std::string text = draw(rng);
    ASSERT_EQ(scan_all(GetParam().scan, text), match_all(regex, text))
        << testing::PrintToString(text);
  }
}

TEST_P(ScannerFuzz, every_character_alone_and_between_others_is_cut_as_the_pattern_does) {
  const Regex regex = Regex::compile(GetParam().pattern).value();
  std::string text;
  for (const char32_t c : shared_characters()) {
    text::append_utf8(text, c);
    text += "a ";
    text::append_utf8(text, c);
    text += "1";
  }
  ASSERT_GT(text.size(), 1'000'000U);
  ASSERT_EQ(scan_all(GetParam().scan, text), match_all(regex, text));
}

INSTANTIATE_TEST_SUITE_P(Patterns, ScannerFuzz,
                         testing::Values(Pair{"gpt2", scan_gpt2, kGpt2Pattern},
                                         Pair{"llama3", scan_llama3, kLlama3Pattern},
                                         Pair{"qwen2", scan_qwen2, kQwen2Pattern}),
                         [](const auto& each) { return each.param.name; });

TEST(Scanners, are_found_by_their_pattern) {
  EXPECT_EQ(scanner_for(kGpt2Pattern), &scan_gpt2);
  EXPECT_EQ(scanner_for(kLlama3Pattern), &scan_llama3);
  EXPECT_EQ(scanner_for(kQwen2Pattern), &scan_qwen2);
  EXPECT_EQ(scanner_for("\\s+"), nullptr);
}

}  // namespace
}  // namespace penstock::tokenizer
