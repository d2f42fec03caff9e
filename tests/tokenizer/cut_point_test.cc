// Where encoding may be cut: whatever follows a cut, what comes before it stays the same.
#include <gmock/gmock.h>

#include <random>

#include "tests/tokenizer/tiny_tokenizer.h"

namespace penstock::tokenizer {
namespace {

using text::Json;
using text::Origin;
using text::OriginText;

using Ids = std::vector<TokenId>;
using testing::ElementsAre;

std::vector<std::size_t> cuts_of(const Tokenizer& tokenizer, const OriginText& text) {
  const CutEncoding encoded = tokenizer.encode_on(text, {}).value();
  std::vector<std::size_t> cuts;
  for (const CutPoint& cut : encoded.cuts) cuts.push_back(cut.num_bytes);
  return cuts;
}

Tokenizer with_added(const Json& token) {
  Json::Object json = tiny_json();
  json.find("added_tokens")->as_array().push_back(token);
  return load_json(json).value();
}

Json flagged(Json token, std::string_view flag) {
  token.as_object().set(std::string(flag), true);
  return token;
}

std::vector<std::size_t> trusted_cuts(const Tokenizer& tokenizer, std::string_view text) {
  return cuts_of(tokenizer, OriginText(text, Origin::kTrusted));
}

TEST(CutPoint, lies_behind_each_special_token_of_trusted_text) {
  const Tokenizer tokenizer = tiny_tokenizer();
  EXPECT_THAT(trusted_cuts(tokenizer, "<s>hello</s>x<tool>"), ElementsAre(3, 12));
  OriginText text("<s>", Origin::kData);
  text.append("<s>", Origin::kTrusted);
  EXPECT_THAT(cuts_of(tokenizer, text), ElementsAre(6));
  EXPECT_THAT(tokenizer.find_cuts(text), ElementsAre(6));
}

TEST(CutPoint, is_not_behind_a_token_that_what_follows_could_change) {
  EXPECT_THAT(trusted_cuts(with_added(tiny_added(264, "<s>!", false)), "<s>?</s>"), ElementsAre(8));
  EXPECT_THAT(trusted_cuts(with_added(tiny_added(264, "!<s>!", false)), "!<s>?</s>"),
              ElementsAre(9));
  EXPECT_THAT(trusted_cuts(with_added(tiny_added(264, "!<s>", false)), "<s>"), ElementsAre(3));
  for (const std::string_view flag : {"rstrip", "single_word"}) {
    const Tokenizer tokenizer = with_added(flagged(tiny_added(264, "<x>", true), flag));
    EXPECT_THAT(trusted_cuts(tokenizer, "<x> <s>"), ElementsAre(7)) << flag;
  }
  EXPECT_THAT(trusted_cuts(with_added(flagged(tiny_added(264, "<x>", true), "lstrip")), "a <x>"),
              ElementsAre(5));
}

TEST(CutPoint, is_not_behind_a_token_that_ends_in_a_word_or_in_whitespace) {
  EXPECT_THAT(trusted_cuts(with_added(tiny_added(264, "EOT", true)), "EOT <s>"), ElementsAre(7));
  EXPECT_THAT(trusted_cuts(with_added(tiny_added(264, "<x>\n", true)), "<x>\n<s>"), ElementsAre(7));
}

TEST(CutPoint, of_tokens_matched_in_normalized_text_there_is_none) {
  EXPECT_THAT(
      trusted_cuts(with_added(flagged(tiny_added(264, "<x>", true), "normalized")), "<x><s>"),
      ElementsAre(6));
}

// An ordinary added token may begin in data and take the first letter of a template's marker.
TEST(CutPoint, that_only_the_trusted_span_promises_is_not_met_by_encoding) {
  const Tokenizer tokenizer = with_added(tiny_added(264, "a<", false));
  OriginText text("a", Origin::kData);
  text.append("<s></s>", Origin::kTrusted);
  EXPECT_THAT(tokenizer.find_cuts(text), ElementsAre(4, 8));
  EXPECT_THAT(cuts_of(tokenizer, text), ElementsAre(8));
}

TEST(CutPoint, limits_and_errors_are_those_of_a_whole_pass) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const OriginText text("<s>hello</s>", Origin::kTrusted);
  const EncodedPrefix prefix{.num_bytes = 3, .token_ids = {kBos}};
  EXPECT_THAT(tokenizer.encode_on(text, prefix, 3).value().token_ids,
              ElementsAre(kBos, kHello, kEos));
  EXPECT_EQ(tokenizer.encode_on(text, prefix, 2).error().message(),
            "the text has more than 2 tokens");
  const EncodedPrefix whole{.num_bytes = 12, .token_ids = {kBos, kHello, kEos}};
  EXPECT_EQ(tokenizer.encode_on(text, whole, 2).error().message(),
            "the text has more than 2 tokens");
  const OriginText bad("<s>\xC3(", Origin::kTrusted);
  EXPECT_EQ(tokenizer.encode_on(bad, prefix).error().message(),
            "the text is not valid UTF-8 at byte 3");
}

TEST(CutPointDeathTest, a_prefix_longer_than_the_text_is_a_bug) {
  const Tokenizer tokenizer = tiny_tokenizer();
  EXPECT_DEATH((void)tokenizer.encode_on(OriginText("<s>", Origin::kTrusted), {.num_bytes = 4}),
               "a prefix of 4 bytes of 3");
}

// Added tokens that overlap, contain and touch each other in every way, over few letters.
class RandomVocabulary final {
 public:
  explicit RandomVocabulary(std::mt19937_64& rng) : rng_(rng) {}

  Tokenizer make() {
    Json::Object json = tiny_json();
    Json::Array& added = json.find("added_tokens")->as_array();
    const TokenId end = 264 + 1 + draw(8);
    for (TokenId id = 264; id < end; ++id) {
      Json::Object token = tiny_added(id, letters(1 + draw(4)), draw(2) == 0).as_object();
      for (const char* flag : {"lstrip", "rstrip", "single_word", "normalized"}) {
        token.set(flag, draw(6) == 0);
      }
      added.push_back(Json(std::move(token)));
    }
    if (draw(3) == 0) {
      json.set("normalizer", Json::Object{{"type", "NFC"}});
    } else if (draw(3) == 0) {
      json.set("normalizer", Json::Object{{"type", "Prepend"}, {"prepend", "_"}});
    }
    const bool prefix_space = draw(3) == 0;
    json.set("pre_tokenizer",
             Json::Object{{"type", "ByteLevel"}, {"add_prefix_space", prefix_space}});
    return load_json(json).value();
  }

  std::string letters(std::size_t count) {
    constexpr std::string_view kLetters[] = {"<", "s", ">", " ", "\n", "a", "/", "e\u0301"};
    std::string out;
    for (; count > 0; --count) out += kLetters[draw(std::size(kLetters))];
    return out;
  }

  OriginText text(std::size_t num_parts) {
    OriginText out;
    for (; num_parts > 0; --num_parts) {
      const Origin origin = draw(3) == 0 ? Origin::kData : Origin::kTrusted;
      const std::string_view special[] = {"<s>", "</s>", "<tool>"};
      out.append(draw(3) == 0 ? std::string(special[draw(3)]) : letters(1 + draw(4)), origin);
    }
    return out;
  }

 private:
  std::uint32_t draw(std::size_t below) { return static_cast<std::uint32_t>(rng_() % below); }
  std::mt19937_64& rng_;
};

OriginText first_bytes(const OriginText& text, std::size_t count) {
  OriginText out;
  for (const OriginText::Span& span : text.spans()) {
    const std::size_t end = std::min(span.end, count);
    if (span.begin < end) {
      out.append(std::string_view(text.bytes()).substr(span.begin, end - span.begin), span.origin);
    }
  }
  return out;
}

TEST(CutPoint, splits_any_text_of_any_vocabulary_exactly) {
  std::mt19937_64 rng(41);
  RandomVocabulary random(rng);
  std::size_t num_cuts = 0;
  for (int vocabulary = 0; vocabulary < 400; ++vocabulary) {
    const Tokenizer tokenizer = random.make();
    for (int round = 0; round < 60; ++round) {
      const OriginText text = random.text(1 + rng() % 10);
      const CutEncoding first = tokenizer.encode_on(text, {}).value();
      for (const CutPoint& cut : first.cuts) {
        ++num_cuts;
        OriginText other = first_bytes(text, cut.num_bytes);
        other.append(random.text(rng() % 6));
        const auto tokens = first.token_ids.begin();
        const EncodedPrefix prefix{
            .num_bytes = cut.num_bytes,
            .token_ids = {tokens, tokens + static_cast<std::ptrdiff_t>(cut.num_tokens)}};
        ASSERT_EQ(tokenizer.encode_on(other, prefix).value().token_ids,
                  tokenizer.encode(other).value())
            << testing::PrintToString(other.bytes()) << " cut at " << cut.num_bytes;
      }
    }
  }
  EXPECT_GT(num_cuts, 10'000U);
}

}  // namespace
}  // namespace penstock::tokenizer
