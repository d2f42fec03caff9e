#include "text/normalize.h"

#include <gtest/gtest.h>

#include <random>

#include "text/unicode.h"
#include "text/utf8.h"

namespace penstock::text {
namespace {

TEST(Nfc, composes_reorders_and_replaces_as_annex_15_says) {
  EXPECT_EQ(to_nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(to_nfc("a\u0301\u0323"), "\u1EA1\u0301");  // by combining class
  EXPECT_EQ(to_nfc("\u1E9B\u0323"), "\u1E9B\u0323");   // figure 5
  EXPECT_EQ(to_nfc("\u212B"), "\u00C5");               // a singleton
  EXPECT_EQ(to_nfc("\u0958"), "\u0915\u093C");         // excluded from composition
  EXPECT_EQ(to_nfc("\u1112\u1161\u11AB"), "\uD55C");   // Hangul
  EXPECT_EQ(to_nfc("\uD558\u11AB"), "\uD55C");
  EXPECT_EQ(to_nfc("\uFB1D \uFA0E \uF900"), "\u05D9\u05B4 \uFA0E \u8C48");
  EXPECT_EQ(to_nfc("x\u0305\u0301"), "x\u0305\u0301");
}

TEST(Nfc, text_that_is_nfc_already_has_no_part_to_change) {
  for (const std::string_view text :
       {"", "plain", "déjà vu", "Съешь ещё", "天地玄黃", "하늘", "😀👍🏽"}) {
    EXPECT_TRUE(next_nfc_part(text, 0).empty()) << text;
    EXPECT_EQ(to_nfc(text), text);
  }
}

TEST(Nfc, a_part_is_one_start_and_what_may_join_it) {
  const std::string text = "abce\u0301\u0323de\u0302";
  const ByteRange first = next_nfc_part(text, 0);
  EXPECT_EQ(first.begin, 3U);
  EXPECT_EQ(first.end, 8U);
  const ByteRange second = next_nfc_part(text, first.end);
  EXPECT_EQ(second.begin, 9U);
  EXPECT_EQ(second.end, text.size());
  EXPECT_TRUE(next_nfc_part(text, second.end).empty());
}

TEST(Nfc, marks_younger_than_unicode_9_stay_where_they_are) {
  EXPECT_EQ(to_nfc("a\u08D3\u0334"), "a\u08D3\u0334");
}

TEST(Nfc, normalizing_twice_changes_nothing_more) {
  std::mt19937_64 rng(7);
  constexpr char32_t kDrawn[] = {U'a',   U'e',   U' ',   0x0301, 0x0323, 0x0327,
                                 0x0345, 0x093C, 0x0915, 0x1100, 0x1161, 0x11A8,
                                 0xAC00, 0x0958, 0x212B, 0x1F71, 0x3099, 0x304B};
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::uint64_t n = rng() % 12; n > 0; --n)
      append_utf8(text, kDrawn[rng() % std::size(kDrawn)]);
    const std::string once = to_nfc(text);
    ASSERT_EQ(find_invalid_utf8(once), std::string_view::npos);
    ASSERT_EQ(to_nfc(once), once);
  }
}

TEST(Nfc, a_long_run_of_marks_is_ordered_without_quadratic_work) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string normal = to_nfc(text);
  EXPECT_EQ(normal.substr(0, 5), "\u1EA1\u0323");
  EXPECT_EQ(normal.size(), text.size() - 1 + 3 - 2);
}

}  // namespace
}  // namespace penstock::text
