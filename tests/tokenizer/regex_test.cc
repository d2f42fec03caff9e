#include "tokenizer/regex.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::tokenizer {
namespace {

std::vector<std::string> matches_of(std::string_view pattern, std::string_view text) {
  const Regex regex = Regex::compile(pattern).value();
  std::vector<std::string> found;
  Regex::Matches matches(regex, text);
  for (auto match = matches.next().value(); match; match = matches.next().value()) {
    found.push_back(format("{}-{}", match->begin, match->end));
  }
  return found;
}

using Found = std::vector<std::string>;

TEST(Regex, finds_matches_from_left_to_right) {
  EXPECT_EQ(matches_of("\\p{L}+", "ab é字 1"), (Found{"0-2", "3-8"}));
  EXPECT_EQ(matches_of("x", ""), Found{});
}

TEST(Regex, empty_matches_count_except_right_after_a_match) {
  EXPECT_EQ(matches_of("a*", "baaé"), (Found{"0-0", "1-3", "5-5"}));
  EXPECT_EQ(matches_of("(?=é)", "éaé"), (Found{"0-0", "3-3"}));
}

TEST(Regex, line_anchors_hold_at_every_line_and_a_dot_stops_at_a_line_feed) {
  EXPECT_EQ(matches_of("^.", "a\nb"), (Found{"0-1", "2-3"}));
  EXPECT_EQ(matches_of(".$", "a\nb"), (Found{"0-1", "2-3"}));
  EXPECT_EQ(matches_of(".", "\r\n"), (Found{"0-1"}));
}

TEST(Regex, refuses_what_the_files_own_engine_reads_otherwise) {
  for (const std::string_view pattern :
       {"\\h", "a\\w", "\\b", "[a-z&&[aeiou]]", "(?m)a.b", "(?x) a", "\\R", "\\X", "\\K", "(*UTF)a",
        "(?s:.)", "(?P<n>a)", "(?#c)", "(?(1)a|b)"}) {
    const auto regex = Regex::compile(pattern);
    ASSERT_FALSE(regex) << pattern;
    EXPECT_EQ(regex.error().code(), ErrorCode::kUnsupported) << pattern;
  }
  EXPECT_EQ(Regex::compile("a\\hb").error().message(),
            "the regular expression 'a\\hb' uses '\\h', which is not supported");
}

TEST(Regex, takes_what_both_engines_share) {
  for (const std::string_view pattern :
       {"(?i:'s)", "(?:a)", "a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b", "(?>a+)", "\\\\h",
        "\\p{Lu}[\\p{Ll}\\p{M}]*", "a++", "\\d{1,3}", "[^\\r\\n]"}) {
    EXPECT_TRUE(Regex::compile(pattern)) << pattern;
  }
}

TEST(Regex, a_broken_pattern_is_named_with_its_place) {
  const auto regex = Regex::compile("ab(c");
  ASSERT_FALSE(regex);
  EXPECT_EQ(regex.error().code(), ErrorCode::kInvalid);
  EXPECT_NE(regex.error().message().find("'ab(c' is wrong at offset 4"), std::string::npos);
}

TEST(Regex, gives_up_on_catastrophic_backtracking) {
  const Regex regex = Regex::compile("(a+)+$").value();
  const std::string text = std::string(40, 'a') + "b";
  Regex::Matches matches(regex, text);
  const auto match = matches.next();
  ASSERT_FALSE(match);
  EXPECT_EQ(match.error().code(), ErrorCode::kResourceExhausted);
}

TEST(Regex, long_runs_need_no_stack) {
  const Regex regex = Regex::compile("(?:a|b|é)+").value();
  const std::string text(2'000'000, 'a');
  Regex::Matches matches(regex, text);
  const auto match = matches.next();
  // Either answer is right; neither may crash.
  if (match) {
    EXPECT_EQ((*match)->end, text.size());
  } else {
    EXPECT_EQ(match.error().code(), ErrorCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace penstock::tokenizer
