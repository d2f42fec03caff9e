#include "openai/choice_text.h"

#include <gtest/gtest.h>

#include <random>

namespace penstock::openai {
namespace {

TokenLogprob logprob_of(TokenId id, std::string_view bytes) {
  TokenLogprob entry;
  entry.id = id;
  entry.bytes = std::string(bytes);
  return entry;
}

std::vector<TokenId> ids_of(const std::vector<TokenLogprob>& entries) {
  std::vector<TokenId> ids;
  for (const TokenLogprob& entry : entries) ids.push_back(entry.id);
  return ids;
}

using Ids = std::vector<TokenId>;

TEST(ChoiceText, a_logprob_travels_with_the_chunk_that_completes_its_text) {
  const StopStrings stops({"END"});
  ChoiceText text(stops, {.keep_token_ids = true});
  text.push(1, "a", false, logprob_of(1, "a"));
  text.push(2, " E", false, logprob_of(2, " E"));
  const Delta first = text.take();
  EXPECT_EQ(first.text, "a ");
  EXPECT_EQ(ids_of(first.logprobs), Ids{1}) << "token 2 is held in part";
  EXPECT_EQ(first.token_ids, (Ids{1, 2}));
  text.push(3, "x", false, logprob_of(3, "x"));
  const Delta second = text.take();
  EXPECT_EQ(second.text, "Ex");
  EXPECT_EQ(ids_of(second.logprobs), (Ids{2, 3}));
}

TEST(ChoiceText, tokens_of_half_a_character_wait_for_the_other_half) {
  const StopStrings stops({});
  ChoiceText text(stops, {});
  text.push(1, "", true, logprob_of(1, "\xc3"));
  EXPECT_TRUE(text.take().empty());
  text.push(2, "\xc3\xa9", false, logprob_of(2, "\xa9"));
  const Delta delta = text.take();
  EXPECT_EQ(delta.text, "\xc3\xa9");
  EXPECT_EQ(ids_of(delta.logprobs), (Ids{1, 2}));
  EXPECT_EQ(delta.logprobs[1].text_offset, 0u);
}

TEST(ChoiceText, offsets_count_characters) {
  const StopStrings stops({});
  ChoiceText text(stops, {});
  text.push(1, "\xc3\xa9\xc3\xa9", false, logprob_of(1, ""));
  text.push(2, "x", false, logprob_of(2, ""));
  EXPECT_EQ(text.take().logprobs[1].text_offset, 2u);
}

TEST(ChoiceText, a_matched_stop_string_leaves_no_logprob_but_its_ids) {
  const StopStrings stops({"END"});
  ChoiceText text(stops, {.keep_token_ids = true});
  text.push(1, "a", false, logprob_of(1, "a"));
  text.push(2, "bE", false, logprob_of(2, "bE"));
  text.push(3, "ND", false, logprob_of(3, "ND"));
  ASSERT_TRUE(text.has_stopped());
  EXPECT_EQ(text.stop_string(), "END");
  const Delta last = text.take_last();
  EXPECT_EQ(last.text, "ab");
  EXPECT_EQ(ids_of(last.logprobs), Ids{1});
  EXPECT_EQ(last.token_ids, (Ids{1, 2, 3}));
  EXPECT_EQ(text.num_tokens(), 3u);
}

TEST(ChoiceText, held_text_goes_out_at_any_other_end) {
  const StopStrings stops({"END"});
  ChoiceText text(stops, {});
  text.push(1, "a EN", false, logprob_of(1, "a EN"));
  EXPECT_EQ(text.take().text, "a ");
  text.end("");
  const Delta last = text.take_last();
  EXPECT_EQ(last.text, "EN");
  EXPECT_EQ(ids_of(last.logprobs), Ids{1});
}

TEST(ChoiceText, a_token_that_only_lengthens_an_ill_formed_run_has_its_logprob_at_the_end) {
  const StopStrings stops({"END"});
  ChoiceText text(stops, {});
  text.push(1, "\xEF\xBF\xBD", false, logprob_of(1, "\xFF"));
  text.push(2, "", true, logprob_of(2, "\xF0"));
  text.end("");
  EXPECT_EQ(ids_of(text.take_last().logprobs), (Ids{1, 2}));
}

TEST(ChoiceText, stop_strings_sleep_for_the_text_of_min_tokens) {
  const StopStrings stops({"X"});
  ChoiceText text(stops, {.min_tokens = 2});
  text.push(1, "aX", false);
  text.push(2, "X", false);
  EXPECT_FALSE(text.has_stopped());
  EXPECT_EQ(text.take().text, "aXX");
  text.push(3, "bX", false);
  EXPECT_TRUE(text.has_stopped());
  EXPECT_EQ(text.take_last().text, "b");
}

TEST(ChoiceText, tokens_without_text_wait_for_text_or_the_end) {
  const StopStrings stops({});
  ChoiceText text(stops, {.keep_token_ids = true});
  text.push(1, "", false, logprob_of(1, "<|x|>"));
  EXPECT_TRUE(text.take().empty());
  text.push_stop_token(2);
  text.end("");
  const Delta last = text.take_last();
  EXPECT_EQ(ids_of(last.logprobs), Ids{1}) << "the stop token itself has none";
  EXPECT_EQ(last.token_ids, (Ids{1, 2}));
}

// However the tokens are grouped into steps, the concatenation is the same.
TEST(ChoiceText, grouping_changes_nothing_in_the_sum) {
  std::mt19937 random(3);
  const StopStrings stops({"abc", "ca"});
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> tokens(random() % 12);
    for (std::string& token : tokens) {
      token.resize(random() % 4);
      for (char& c : token) c = static_cast<char>('a' + random() % 3);
    }
    const auto run = [&](std::size_t per_step) {
      ChoiceText text(stops, {.keep_token_ids = true});
      Delta sum;
      const auto add = [&sum](Delta delta) {
        sum.text += delta.text;
        for (auto& entry : delta.logprobs) sum.logprobs.push_back(std::move(entry));
        for (const TokenId id : delta.token_ids) sum.token_ids.push_back(id);
      };
      for (std::size_t i = 0; i < tokens.size() && !text.has_stopped(); ++i) {
        const auto id = static_cast<TokenId>(i);
        text.push(id, tokens[i], false, logprob_of(id, tokens[i]));
        if (i % per_step == per_step - 1 && !text.has_stopped()) add(text.take());
      }
      if (!text.has_stopped()) text.end("");
      add(text.take_last());
      return std::tuple(sum.text, ids_of(sum.logprobs), sum.token_ids);
    };
    ASSERT_EQ(run(1), run(1000));
    ASSERT_EQ(run(3), run(1000));
  }
}

}  // namespace
}  // namespace penstock::openai
