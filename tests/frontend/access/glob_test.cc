#include "frontend/access/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::frontend {
namespace {

TEST(Glob, star_is_any_text_and_question_mark_one_byte) {
  EXPECT_TRUE(matches_glob("*", ""));
  EXPECT_TRUE(matches_glob("*", "llama"));
  EXPECT_TRUE(matches_glob("llama-*", "llama-"));
  EXPECT_TRUE(matches_glob("llama-*", "llama-3.1-8b"));
  EXPECT_TRUE(matches_glob("*-8b", "llama-3.1-8b"));
  EXPECT_TRUE(matches_glob("l*a*b", "llama-3.1-8b"));
  EXPECT_TRUE(matches_glob("llama-?b", "llama-8b"));
  EXPECT_FALSE(matches_glob("llama-?b", "llama-70b"));
  EXPECT_FALSE(matches_glob("llama-*", "llama"));
  EXPECT_FALSE(matches_glob("llama", "Llama")) << "names are exact";
  EXPECT_FALSE(matches_glob("", "a"));
  EXPECT_TRUE(matches_glob("", ""));
  EXPECT_TRUE(matches_glob("[a]*", "[a]b")) << "all else is itself";
}

TEST(Glob, tries_again_after_a_star_that_took_too_little) {
  EXPECT_TRUE(matches_glob("*ab", "aab"));
  EXPECT_TRUE(matches_glob("*a*ab*", "xaaxab"));
  EXPECT_FALSE(matches_glob("*ab", "aba"));
}

TEST(Glob, a_pattern_made_to_be_slow_is_not) {
  std::string pattern;
  for (int i = 0; i < 64; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(4096, 'a')));
}

}  // namespace
}  // namespace penstock::frontend
