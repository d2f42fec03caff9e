#include "text/utf8.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace penstock::text {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

std::string encoded(char32_t c) {
  std::string out;
  append_utf8(out, c);
  return out;
}

TEST(Utf8, every_code_point_survives_encoding_and_decoding) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const std::string bytes = encoded(c);
    const DecodedChar decoded = decode_utf8(bytes, 0);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.num_bytes, bytes.size());
    ASSERT_EQ(find_invalid_utf8(bytes), kNone);
  }
}

TEST(Utf8, surrogates_are_not_valid) {
  for (char32_t c = 0xD800; c < 0xE000; ++c) {
    ASSERT_EQ(find_invalid_utf8(encoded(c)), 0U);
    ASSERT_EQ(decode_utf8(encoded(c), 0).num_bytes, 0);
  }
}

TEST(Utf8, finds_the_first_byte_that_belongs_to_no_character) {
  const std::vector<std::pair<std::string, std::size_t>> cases = {
      {"", kNone},
      {"plain", kNone},
      {"\x80", 0},                   // a continuation alone
      {"ab\xC0\x80", 2},             // overlong
      {"ab\xC1\xBF", 2},             // overlong
      {"\xE0\x9F\xBF", 0},           // overlong
      {"\xF0\x8F\xBF\xBF", 0},       // overlong
      {"\xF4\x90\x80\x80", 0},       // over U+10FFFF
      {"\xF5\x80\x80\x80", 0},       // over U+10FFFF
      {"\xFF", 0},                   // never a byte of UTF-8
      {"twelve bytes\xE2\x82", 12},  // cut
      {"twelve bytes\xE2\x82\xAC", kNone},
      {"eight by\xE2\x28\xA1", 8},  // second byte wrong
      {"\xF0\x9F\x98\x80\xF0\x9F\x98", 4},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(find_invalid_utf8(bytes), expected);
}

TEST(Utf8, a_bad_byte_is_found_at_any_offset_of_the_word_wise_scan) {
  for (std::size_t at = 0; at < 40; ++at) {
    std::string bytes(40, 'x');
    bytes[at] = '\xFE';
    EXPECT_EQ(find_invalid_utf8(bytes), at);
  }
}

TEST(Utf8, the_tail_that_may_still_become_a_character_is_told) {
  const std::vector<std::pair<std::string, std::size_t>> cases = {
      {"", 0},
      {"a", 0},
      {"\xC3\xA9", 0},
      {"a\xC3", 1},
      {"\xE2", 1},
      {"\xE2\x82", 2},
      {"\xE2\x82\xAC", 0},
      {"\xF0\x9F\x98", 3},
      {"\xF0\x9F", 2},
      {"\xF0", 1},
      {"\xF0\x9F\x98\x80", 0},
      {"\x82", 0},
      {"\xC0", 0},
      {"\xED\xA0", 0},
      {"\xF4\x90", 0},
      {"\x82\x82\x82\x82", 0},
      {"\xFF", 0},
      {"\xE2\x82\x28", 0},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(incomplete_utf8_tail(bytes), expected);
}

TEST(Utf8, one_replacement_stands_for_a_whole_ill_formed_run) {
  EXPECT_EQ(replace_invalid_utf8("a\xFF\xFE\xC0\x80z"), "a\uFFFDz");
  EXPECT_EQ(replace_invalid_utf8("\xE2\x82|\xF0\x9F\x98\xE2\x82\xAC"), "\uFFFD|\uFFFD€");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), "\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("fine: é€😀"), "fine: é€😀");
  // One that was there already is a character like any other.
  EXPECT_EQ(replace_invalid_utf8("\uFFFD\xFF\uFFFD"), "\uFFFD\uFFFD\uFFFD");
}

std::string random_bytes(std::mt19937_64& rng, std::size_t size) {
  // Mostly bytes that make and break sequences.
  constexpr std::string_view kBytes = "az\x80\x82\x9F\xA0\xBF\xC0\xC3\xE0\xE2\xED\xF0\xF4\xF8\xFF";
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += kBytes[rng() % kBytes.size()];
  return bytes;
}

TEST(Utf8, repair_of_any_bytes_is_valid_and_leaves_valid_bytes_alone) {
  std::mt19937_64 rng(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = random_bytes(rng, rng() % 24);
    const std::string repaired = replace_invalid_utf8(bytes);
    ASSERT_EQ(find_invalid_utf8(repaired), kNone);
    ASSERT_EQ(replace_invalid_utf8(repaired), repaired);
    if (find_invalid_utf8(bytes) == kNone) {
      ASSERT_EQ(repaired, bytes);
    }
  }
}

TEST(Utf8, repair_in_parts_equals_repair_of_the_whole) {
  std::mt19937_64 rng(2);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = random_bytes(rng, rng() % 24);
    std::string out;
    std::string pending;
    bool in_run = false;
    for (const char byte : bytes) {
      pending += byte;
      const std::size_t whole = pending.size() - incomplete_utf8_tail(pending);
      append_replacing_invalid(out, std::string_view(pending).substr(0, whole), in_run);
      pending.erase(0, whole);
      ASSERT_LE(pending.size(), 3U);
    }
    append_replacing_invalid(out, pending, in_run);
    ASSERT_EQ(out, replace_invalid_utf8(bytes));
  }
}

}  // namespace
}  // namespace penstock::text
