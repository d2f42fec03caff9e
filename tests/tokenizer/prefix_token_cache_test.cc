#include "tokenizer/prefix_token_cache.h"

#include <gmock/gmock.h>

#include <optional>
#include <random>

#include "tests/tokenizer/cached_encoder.h"
#include "tests/tokenizer/tiny_tokenizer.h"

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;

constexpr std::size_t kPlenty = std::size_t{64} << 20;

// As a chat template writes it; each turn long enough to be a segment of its own.
void add_turn(OriginText& chat, std::string_view content) {
  chat.append("<s>user\n", Origin::kTrusted);
  chat.append(content, Origin::kData);
  chat.append(std::string(CutText::kMinSegmentBytes, '.'), Origin::kData);
  chat.append("</s>\n", Origin::kTrusted);
}

OriginText chat_of(std::initializer_list<std::string_view> contents) {
  OriginText chat;
  for (const std::string_view content : contents) add_turn(chat, content);
  return chat;
}

class PrefixTokens : public testing::Test {
 protected:
  // The tokens that the cache had, having checked all of them.
  std::size_t cached(const OriginText& chat, std::string_view salt = "") {
    EXPECT_EQ(encoder->encode(tokenizer, chat, salt).value(), tokenizer.encode(chat).value());
    return encoder->num_cached();
  }
  std::size_t tokens_in(const OriginText& chat) { return tokenizer.encode(chat).value().size(); }

  const Tokenizer tokenizer = tiny_tokenizer();
  std::optional<CachedEncoder> encoder{kPlenty};
};

TEST_F(PrefixTokens, a_growing_chat_costs_only_its_new_turn) {
  OriginText chat;
  std::size_t last = 0;
  for (int turn = 0; turn < 10; ++turn) {
    add_turn(chat, "hello " + std::to_string(turn));
    EXPECT_EQ(cached(chat), last);
    last = tokens_in(chat) - 1;  // the line break is behind the last cut
  }
  EXPECT_EQ(encoder->cache().num_segments(), 10U);
}

TEST_F(PrefixTokens, chats_share_what_they_have_in_common_up_to_where_they_differ) {
  (void)cached(chat_of({"system", "one", "two"}));
  const std::size_t one_turn = tokens_in(chat_of({"system"})) - 1;
  EXPECT_EQ(cached(chat_of({"system", "other", "two"})), one_turn);
  EXPECT_EQ(encoder->cache().num_segments(), 5U);
  EXPECT_EQ(cached(chat_of({"System", "one", "two"})), 0U);
}

TEST_F(PrefixTokens, the_same_bytes_from_another_source_are_another_prefix) {
  OriginText chat = chat_of({"<s>"});
  (void)cached(chat);
  OriginText written;
  written.append("<s>user\n<s>" + std::string(CutText::kMinSegmentBytes, '.') + "</s>\n",
                 Origin::kTrusted);
  ASSERT_EQ(written.bytes(), chat.bytes());
  EXPECT_EQ(cached(written), 0U);
  EXPECT_GT(cached(written), 0U);
  EXPECT_GT(cached(chat), 0U);
}

TEST_F(PrefixTokens, of_one_salt_are_never_found_with_another) {
  const OriginText chat = chat_of({"a", "b"});
  (void)cached(chat, "tenant");
  EXPECT_EQ(cached(chat, "other"), 0U);
  EXPECT_EQ(cached(chat), 0U);
  EXPECT_GT(cached(chat, "tenant"), 0U);
}

TEST_F(PrefixTokens, of_one_tokenizer_are_never_found_with_another) {
  text::Json::Object json = tiny_json();
  json.find("model")->as_object().set("merges", text::Json::Array{});
  const Tokenizer other = load_json(json).value();
  const OriginText chat = chat_of({"hello"});
  (void)cached(chat);
  EXPECT_EQ(encoder->encode(other, chat).value(), other.encode(chat).value());
  EXPECT_EQ(encoder->num_cached(), 0U);
}

// What a collision of keys would bring.
TEST_F(PrefixTokens, segments_under_a_wrong_key_are_seen_and_replaced) {
  const auto cut_of = [&](const OriginText& chat, std::string_view salt) {
    return CutText(tokenizer, chat, CacheScope(tokenizer.digest(), salt), 1);
  };
  const OriginText chat = chat_of({"one", "two"});
  const CutText cut = cut_of(chat, "");
  const auto segments_of = [&](const OriginText& text, std::string_view salt) {
    return cut_of(text, salt).make_segments(0, 0, tokenizer.encode_on(text, {}).value());
  };
  const auto own = segments_of(chat, "");
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(cut.count_equal(own), 2U);
  EXPECT_EQ(cut.count_equal(std::vector{own[1], own[0]}), 0U);
  EXPECT_EQ(cut.count_equal(segments_of(chat, "salt")), 0U);
  EXPECT_EQ(cut.count_equal(segments_of(chat_of({"one", "owt"}), "")), 1U);
  OriginText trusted(chat.bytes(), Origin::kTrusted);
  EXPECT_EQ(cut.count_equal(segments_of(trusted, "")), 0U);

  PrefixTokenCache cache(kPlenty);
  (void)cache.insert(cut.keys(), segments_of(chat_of({"one", "owt"}), ""));
  const auto replaced = cache.insert(cut.keys(), own);
  EXPECT_EQ(replaced.size(), 2U);
  EXPECT_EQ(cut.count_equal(cache.find(cut.keys())), 2U);
}

TEST_F(PrefixTokens, short_turns_are_kept_together) {
  OriginText chat;
  for (int turn = 0; turn < 100; ++turn) {
    chat.append("<s>", Origin::kTrusted);
    chat.append("hello", Origin::kData);
    chat.append("</s>", Origin::kTrusted);
    (void)cached(chat);
  }
  EXPECT_EQ(encoder->cache().num_segments(), 1200U / 129);  // 129: the first cut from 128 on
}

TEST_F(PrefixTokens, a_prompt_with_too_many_tokens_leaves_nothing) {
  const OriginText chat = chat_of({"a", "b"});
  EXPECT_EQ(encoder->encode(tokenizer, chat, "", 100).error().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(encoder->cache().num_segments(), 0U);
  (void)cached(chat);
  EXPECT_EQ(encoder->encode(tokenizer, chat, "", 100).error().message(),
            tokenizer.encode(chat, {.max_tokens = 100}).error().message());
}

TEST_F(PrefixTokens, the_least_recently_used_chat_goes_first_and_its_end_before_its_beginning) {
  CachedEncoder scale(kPlenty);
  (void)scale.encode(tokenizer, chat_of({"a1", "a2", "a3"}));
  encoder.emplace(scale.cache().used_bytes() * 2);
  (void)cached(chat_of({"a1", "a2", "a3"}));
  (void)cached(chat_of({"b1", "b2", "b3"}));
  EXPECT_EQ(encoder->cache().num_segments(), 6U);
  (void)cached(chat_of({"a1", "a2", "a3"}));
  (void)cached(chat_of({"c1"}));  // b3 goes
  EXPECT_EQ(encoder->cache().num_segments(), 6U);
  EXPECT_EQ(cached(chat_of({"a1", "a2", "a3"})), tokens_in(chat_of({"a1", "a2", "a3"})) - 1);
  EXPECT_EQ(cached(chat_of({"b1", "b2", "b3"})), tokens_in(chat_of({"b1", "b2"})) - 1);
}

TEST_F(PrefixTokens, a_chat_larger_than_the_budget_keeps_its_beginning) {
  encoder.emplace(4000);
  OriginText chat;
  for (int turn = 0; turn < 20; ++turn) add_turn(chat, std::to_string(turn));
  (void)cached(chat);
  EXPECT_LE(encoder->cache().used_bytes(), 4000U);
  EXPECT_GT(encoder->cache().num_segments(), 0U);
  EXPECT_GT(cached(chat), 0U);
}

TEST_F(PrefixTokens, what_is_held_never_exceeds_the_budget) {
  std::mt19937_64 rng(3);
  for (const std::size_t budget : {1U, 500U, 3000U, 20'000U}) {
    encoder.emplace(budget);
    for (int round = 0; round < 300; ++round) {
      OriginText chat;
      for (std::uint64_t turn = 1 + rng() % 6; turn > 0; --turn) {
        add_turn(chat, std::to_string(rng() % 3));
      }
      (void)cached(chat);
      ASSERT_LE(encoder->cache().used_bytes(), budget);
    }
    EXPECT_EQ(encoder->cache().num_segments() == 0, encoder->cache().used_bytes() == 0);
  }
}

}  // namespace
}  // namespace penstock::tokenizer
