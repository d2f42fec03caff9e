#include "openai/stop_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace penstock::openai {
namespace {

struct Outcome {
  std::string text;
  std::optional<std::uint32_t> matched;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome run(const StopStrings& stops, const std::vector<std::string>& pieces, bool include) {
  StopMatcher matcher(stops, include);
  Outcome outcome;
  for (const std::string& piece : pieces) matcher.push(piece, outcome.text);
  matcher.flush(outcome.text);
  outcome.matched = matcher.matched();
  return outcome;
}

// The rule as it is written: the earliest end of any stop string; at one end, the earliest start.
Outcome by_the_rule(const std::vector<std::string>& stops, const std::string& text, bool include) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::optional<std::uint32_t> best;
    for (std::uint32_t i = 0; i < stops.size(); ++i) {
      if (!std::string_view(text).substr(0, end).ends_with(stops[i])) continue;
      if (!best || stops[i].size() > stops[*best].size()) best = i;
    }
    if (best) return {text.substr(0, include ? end : end - stops[*best].size()), best};
  }
  return {text, std::nullopt};
}

TEST(StopMatcher, holds_back_only_what_may_become_a_match) {
  const StopStrings stops({"END", "NDX"});
  StopMatcher matcher(stops, false);
  std::string out;
  matcher.push("the EN", out);
  EXPECT_EQ(out, "the ");
  EXPECT_EQ(matcher.held_bytes(), 2u);
  matcher.push("Q", out);
  EXPECT_EQ(out, "the ENQ");
  EXPECT_EQ(matcher.held_bytes(), 0u);
}

TEST(StopMatcher, gives_out_held_text_when_the_output_ends_without_a_match) {
  EXPECT_EQ(run(StopStrings({"END"}), {"the E", "N"}, false), (Outcome{"the EN", std::nullopt}));
}

TEST(StopMatcher, never_gives_out_a_byte_of_the_match) {
  EXPECT_EQ(run(StopStrings({"\n\nUser:"}), {"Hi\n", "\nUs", "er", ": more"}, false),
            (Outcome{"Hi", 0}));
}

TEST(StopMatcher, includes_the_match_and_nothing_after_it_when_asked) {
  EXPECT_EQ(run(StopStrings({"END"}), {"a E", "ND b"}, true), (Outcome{"a END", 0}));
}

TEST(StopMatcher, the_one_that_starts_first_wins_at_one_end) {
  EXPECT_EQ(run(StopStrings({"c", "abc"}), {"xabc"}, false), (Outcome{"x", 1}));
}

TEST(StopMatcher, the_earlier_end_wins_over_the_earlier_start) {
  EXPECT_EQ(run(StopStrings({"abcdef", "cd"}), {"abcdef"}, false), (Outcome{"ab", 1}));
}

TEST(StopMatcher, drops_text_after_the_match) {
  const StopStrings stops({"X"});
  StopMatcher matcher(stops, false);
  std::string out;
  matcher.push("aXb", out);
  matcher.push("c", out);
  matcher.flush(out);
  EXPECT_EQ(out, "a");
}

// Over a small alphabet, where matches overlap in every way.
TEST(StopMatcher, agrees_with_the_rule_for_random_texts_and_splits) {
  std::mt19937 random(7);
  const auto word = [&random](std::size_t min, std::size_t max) {
    std::string text(min + random() % (max - min + 1), 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> strings;
    for (std::size_t i = 0; i < 1 + random() % 4; ++i) strings.push_back(word(1, 6));
    // A repeated string is the first of its kind.
    std::ranges::sort(strings);
    strings.erase(std::unique(strings.begin(), strings.end()), strings.end());
    const std::string text = word(0, 30);
    const bool include = random() % 2 == 0;
    const Outcome expected = by_the_rule(strings, text, include);
    const StopStrings stops(strings);
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = random() % 5;
      pieces.push_back(text.substr(at, length));
      at += length;
    }
    ASSERT_EQ(run(stops, pieces, include), expected) << text;
    ASSERT_EQ(run(stops, {text}, include), expected) << text;
  }
}

// What is held is the longest suffix that begins a stop string: not a byte more waits.
TEST(StopMatcher, holds_exactly_the_longest_prefix_of_a_stop_string) {
  std::mt19937 random(11);
  for (int round = 0; round < 5000; ++round) {
    const std::vector<std::string> strings = {"abab", "bbc", "cabc"};
    const StopStrings stops(strings);
    StopMatcher matcher(stops, false);
    std::string text;
    std::string out;
    while (text.size() < 20 && !matcher.has_matched()) {
      const std::string piece(1, static_cast<char>('a' + random() % 4));
      text += piece;
      matcher.push(piece, out);
      if (matcher.has_matched()) break;
      std::size_t longest = 0;
      for (const std::string& stop : strings) {
        for (std::size_t n = 1; n < stop.size(); ++n) {
          if (text.ends_with(stop.substr(0, n))) longest = std::max(longest, n);
        }
      }
      ASSERT_EQ(matcher.held_bytes(), longest) << text;
      ASSERT_EQ(out + text.substr(text.size() - longest), text);
    }
  }
}

}  // namespace
}  // namespace penstock::openai
