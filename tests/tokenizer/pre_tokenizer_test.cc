#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

namespace penstock::tokenizer {
namespace {

using Words = std::vector<std::string>;

class Collector final : public WordSink {
 public:
  explicit Collector(std::size_t max_words = 1000) : max_words_(max_words) {}
  bool on_word(std::string_view word) override {
    words.emplace_back(word);
    return words.size() < max_words_;
  }
  Words words;

 private:
  std::size_t max_words_;
};

Words cut(std::vector<PreTokenizerRule> rules, std::string_view text, bool is_first = true) {
  Collector collector;
  const PreTokenizer pre_tokenizer = PreTokenizer::create(rules).value();
  EXPECT_TRUE(pre_tokenizer.split(text, is_first, collector).value());
  return collector.words;
}

Words split(SplitBehavior behavior, bool invert, bool is_regex) {
  return cut({SplitRule{"-", is_regex, behavior, invert}}, "the-final--countdown");
}

TEST(PreTokenizer, each_behavior_does_with_matches_what_it_says) {
  for (const bool is_regex : {false, true}) {
    EXPECT_EQ(split(SplitBehavior::kRemoved, false, is_regex),
              (Words{"the", "final", "countdown"}));
    EXPECT_EQ(split(SplitBehavior::kIsolated, false, is_regex),
              (Words{"the", "-", "final", "-", "-", "countdown"}));
    EXPECT_EQ(split(SplitBehavior::kMergedWithPrevious, false, is_regex),
              (Words{"the-", "final-", "-", "countdown"}));
    EXPECT_EQ(split(SplitBehavior::kMergedWithNext, false, is_regex),
              (Words{"the", "-final", "-", "-countdown"}));
    EXPECT_EQ(split(SplitBehavior::kContiguous, false, is_regex),
              (Words{"the", "-", "final", "--", "countdown"}));
  }
}

TEST(PreTokenizer, inverted_what_lies_between_is_the_match) {
  EXPECT_EQ(split(SplitBehavior::kRemoved, true, true), (Words{"-", "-", "-"}));
  EXPECT_EQ(split(SplitBehavior::kMergedWithNext, true, true),
            (Words{"the-", "final-", "-", "countdown"}));
}

TEST(PreTokenizer, an_empty_match_cuts_without_a_word) {
  EXPECT_EQ(cut({SplitRule{.pattern = "(?=b)"}}, "abcb"), (Words{"a", "bc", "b"}));
}

TEST(PreTokenizer, a_known_pattern_is_cut_alike_isolated_or_removed_inverted) {
  const std::string pattern(kLlama3Pattern);
  EXPECT_EQ(cut({SplitRule{.pattern = pattern}}, "one 1234"), (Words{"one", " ", "123", "4"}));
  EXPECT_EQ(cut({SplitRule{pattern, true, SplitBehavior::kRemoved, true}}, "one 1234"),
            (Words{"one", " ", "123", "4"}));
  EXPECT_EQ(cut({SplitRule{pattern, true, SplitBehavior::kMergedWithPrevious, false}}, "one 1234"),
            (Words{"one", " ", "123", "4"}));
}

TEST(PreTokenizer, digits_come_alone_or_in_runs) {
  EXPECT_EQ(cut({DigitsRule{.individual = true}}, "a12 ٣½"), (Words{"a", "1", "2", " ", "٣", "½"}));
  EXPECT_EQ(cut({DigitsRule{.individual = false}}, "a12 ٣½"), (Words{"a", "12", " ", "٣½"}));
}

TEST(PreTokenizer, a_rule_sees_the_pieces_of_the_one_before) {
  // The spaces before a digit are at the end of their piece, so they stay together.
  EXPECT_EQ(cut({DigitsRule{true}, SplitRule{.pattern = std::string(kGpt2Pattern)}}, "a  1  b"),
            (Words{"a", "  ", "1", " ", " b"}));
}

TEST(PreTokenizer, prefix_space_is_given_to_each_piece_without_one) {
  EXPECT_EQ(cut({DigitsRule{true}, PrefixSpaceRule{}}, "a1 b"), (Words{" a", " 1", " b"}));
}

TEST(PreTokenizer, metaspace_marks_spaces_and_the_start) {
  using Prepend = MetaspaceRule::Prepend;
  EXPECT_EQ(cut({MetaspaceRule{Prepend::kAlways, true}}, "a  bc"), (Words{"▁a", "▁", "▁bc"}));
  EXPECT_EQ(cut({MetaspaceRule{Prepend::kAlways, false}}, " a b"), (Words{"▁a▁b"}));
  EXPECT_EQ(cut({MetaspaceRule{Prepend::kNever, false}}, "a b"), (Words{"a▁b"}));
  EXPECT_EQ(cut({MetaspaceRule{Prepend::kFirst, false}}, "a b", true), (Words{"▁a▁b"}));
  EXPECT_EQ(cut({MetaspaceRule{Prepend::kFirst, false}}, "a b", false), (Words{"a▁b"}));
}

TEST(PreTokenizer, stops_when_the_sink_has_enough) {
  Collector collector(2);
  const std::vector<PreTokenizerRule> rules = {DigitsRule{true},
                                               SplitRule{.pattern = std::string(kGpt2Pattern)}};
  EXPECT_FALSE(PreTokenizer::create(rules).value().split("a b c 1 2", true, collector).value());
  EXPECT_EQ(collector.words, (Words{"a", " b"}));
}

TEST(PreTokenizer, a_regex_that_gives_up_is_an_error) {
  Collector collector;
  const std::vector<PreTokenizerRule> rules = {SplitRule{.pattern = "(a+)+$"}};
  const auto done =
      PreTokenizer::create(rules).value().split(std::string(40, 'a') + "b", true, collector);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::kResourceExhausted);
}

TEST(PreTokenizer, refuses_an_empty_or_broken_pattern) {
  for (const SplitRule& rule : {SplitRule{.pattern = ""}, SplitRule{.pattern = "("}}) {
    const auto made = PreTokenizer::create(std::vector<PreTokenizerRule>{rule});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), ErrorCode::kInvalid);
  }
}

TEST(PreTokenizer, the_description_tells_rules_apart) {
  const auto described = [](PreTokenizerRule rule) {
    return PreTokenizer::create(std::vector<PreTokenizerRule>{std::move(rule)})
        .value()
        .description();
  };
  EXPECT_NE(described(DigitsRule{true}), described(DigitsRule{false}));
  EXPECT_NE(described(SplitRule{"a", true}), described(SplitRule{"a", false}));
  EXPECT_NE(described(MetaspaceRule{.split = true}), described(MetaspaceRule{.split = false}));
}

}  // namespace
}  // namespace penstock::tokenizer
