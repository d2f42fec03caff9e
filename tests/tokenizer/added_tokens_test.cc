#include "tokenizer/added_tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;

// "begin-end=id" of each match, in order.
std::string found(std::vector<AddedToken> tokens, const OriginText& text) {
  std::string out;
  for (const auto& match : AddedTokenMatcher(std::move(tokens)).find_all(OriginView(text))) {
    out += format("{}-{}={} ", match.begin, match.end, match.id);
  }
  return out;
}

std::string found(std::vector<AddedToken> tokens, std::string_view text,
                  Origin origin = Origin::kTrusted) {
  return found(std::move(tokens), OriginText(text, origin));
}

TEST(AddedTokens, the_leftmost_and_then_the_longest_match_counts) {
  const std::vector<AddedToken> tokens = {{.content = "<a", .id = 1},
                                          {.content = "<a>", .id = 2},
                                          {.content = "a><", .id = 3},
                                          {.content = "<", .id = 4}};
  EXPECT_EQ(found(tokens, "x<a><a<b"), "1-4=2 4-6=1 6-7=4 ");
}

TEST(AddedTokens, special_tokens_need_trust_and_others_do_not) {
  const std::vector<AddedToken> tokens = {{.content = "<s>", .id = 1, .special = true},
                                          {.content = "<t>", .id = 2, .special = false}};
  EXPECT_EQ(found(tokens, "<s><t>", Origin::kTrusted), "0-3=1 3-6=2 ");
  EXPECT_EQ(found(tokens, "<s><t>", Origin::kData), "3-6=2 ");
}

TEST(AddedTokens, a_special_token_cannot_reach_across_spans_and_others_can) {
  OriginText text("<", Origin::kTrusted);
  text.append("s><t", Origin::kData);
  text.append(">", Origin::kTrusted);
  EXPECT_EQ(
      found({{.content = "<s>", .id = 1, .special = true}, {.content = "<t>", .id = 2}}, text),
      "3-6=2 ");
}

TEST(AddedTokens, where_a_special_token_may_not_match_a_shorter_ordinary_one_does) {
  const std::vector<AddedToken> tokens = {{.content = "<s>", .id = 1, .special = true},
                                          {.content = "<s", .id = 2}};
  EXPECT_EQ(found(tokens, "<s>", Origin::kData), "0-2=2 ");
}

TEST(AddedTokens, single_word_tokens_stand_apart_from_word_characters) {
  const std::vector<AddedToken> tokens = {{.content = "ab", .id = 1, .single_word = true}};
  EXPECT_EQ(found(tokens, "ab ab, abc xab éab ab\u0301 ab"), "0-2=1 3-5=1 25-27=1 ");
}

TEST(AddedTokens, lstrip_and_rstrip_take_whitespace_that_no_other_token_took) {
  const std::vector<AddedToken> tokens = {{.content = "<l>", .id = 1, .lstrip = true},
                                          {.content = "<r>", .id = 2, .rstrip = true}};
  EXPECT_EQ(found(tokens, "a \u3000<l> b<r>\n\t c"), "1-8=1 10-16=2 ");
  EXPECT_EQ(found(tokens, "<r>  <l>"), "0-5=2 5-8=1 ");
}

TEST(AddedTokens, a_token_of_whitespace_inside_what_was_taken_is_still_a_token) {
  const std::vector<AddedToken> tokens = {{.content = "<r>", .id = 1, .rstrip = true},
                                          {.content = "\n", .id = 2}};
  EXPECT_EQ(found(tokens, "<r> \n x"), "0-6=1 6-6=2 ");
}

TEST(AddedTokens, empty_texts_are_left_out_and_of_equal_ones_the_first_counts) {
  const AddedTokenMatcher matcher(
      {{.content = "", .id = 1}, {.content = "x", .id = 2}, {.content = "x", .id = 3}});
  EXPECT_EQ(matcher.tokens().size(), 1U);
  EXPECT_EQ(matcher.find("x")->id, 2U);
  EXPECT_EQ(matcher.find(""), nullptr);
  EXPECT_EQ(matcher.find("xx"), nullptr);
}

TEST(AddedTokens, no_tokens_match_nothing) {
  EXPECT_EQ(found({}, "anything"), "");
  EXPECT_EQ(found({{.content = "x", .id = 1}}, ""), "");
}

}  // namespace
}  // namespace penstock::tokenizer
