#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/tokenizer/tiny_tokenizer.h"

namespace penstock::tokenizer {
namespace {

using testing::ElementsAre;
using text::Json;
using text::Origin;
using text::OriginText;

using Ids = std::vector<TokenId>;

Ids encode(const Tokenizer& tokenizer, std::string_view text, Origin origin = Origin::kTrusted,
           EncodeOptions options = {}) {
  return tokenizer.encode(OriginText(text, origin), options).value();
}

TEST(Tokenizer, merges_within_words_and_falls_back_to_bytes) {
  const Tokenizer tokenizer = tiny_tokenizer();
  EXPECT_THAT(encode(tokenizer, "hello hello"), ElementsAre(kHello, kSpaceHello));
  EXPECT_THAT(encode(tokenizer, "hel é"), ElementsAre(kHe, 'l', ' ', 0xC3, 0xA9));
  EXPECT_THAT(encode(tokenizer, ""), ElementsAre());
}

TEST(Tokenizer, special_tokens_are_recognised_in_trusted_spans_only) {
  const Tokenizer tokenizer = tiny_tokenizer();
  EXPECT_THAT(encode(tokenizer, "<s>hello</s>"), ElementsAre(kBos, kHello, kEos));
  EXPECT_THAT(encode(tokenizer, "<s>", Origin::kData), ElementsAre('<', 's', '>'));
  OriginText text("<s>", Origin::kTrusted);
  text.append("</s>", Origin::kData);
  text.append("</s>", Origin::kTrusted);
  EXPECT_THAT(tokenizer.encode(text).value(), ElementsAre(kBos, '<', '/', 's', '>', kEos));
}

TEST(Tokenizer, a_special_token_half_trusted_is_text) {
  const Tokenizer tokenizer = tiny_tokenizer();
  OriginText text("<s", Origin::kData);
  text.append("></s>", Origin::kTrusted);
  EXPECT_THAT(tokenizer.encode(text).value(), ElementsAre('<', 's', '>', kEos));
}

TEST(Tokenizer, added_tokens_that_are_not_special_match_in_data_too) {
  const Tokenizer tokenizer = tiny_tokenizer();
  EXPECT_THAT(encode(tokenizer, "hello<tool>", Origin::kData), ElementsAre(kHello, kTool));
  OriginText text("<to", Origin::kTrusted);
  text.append("ol>", Origin::kData);
  EXPECT_THAT(tokenizer.encode(text).value(), ElementsAre(kTool));
}

TEST(Tokenizer, ordinary_text_is_cut_as_if_there_were_no_spans) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const std::string whole = "hello hello, hell's  bells\n\n  hello<tool> hello";
  const Ids expected = encode(tokenizer, whole, Origin::kData);
  std::mt19937_64 rng(29);
  for (int i = 0; i < 2000; ++i) {
    OriginText text;
    for (std::size_t at = 0; at < whole.size();) {
      const std::size_t size = 1 + rng() % 6;
      text.append(std::string_view(whole).substr(at, size),
                  rng() % 2 == 0 ? Origin::kData : Origin::kTrusted);
      at += size;
    }
    ASSERT_EQ(tokenizer.encode(text).value(), expected);
  }
}

TEST(Tokenizer, a_special_piece_is_not_reached_by_ignore_merges_either) {
  Json::Object json = tiny_json();
  Json::Object& model = json.find("model")->as_object();
  model.set("ignore_merges", true);
  model.find("vocab")->as_object().set("stop", 264);
  json.find("added_tokens")->as_array().push_back(tiny_added(264, "stop", true));
  const Tokenizer tokenizer = load_json(json).value();
  EXPECT_THAT(encode(tokenizer, "stop"), ElementsAre(264));
  EXPECT_THAT(encode(tokenizer, "stop", Origin::kData), ElementsAre('s', 't', 'o', 'p'));
}

TEST(Tokenizer, invalid_utf8_is_refused_with_its_place) {
  const auto ids = tiny_tokenizer().encode(OriginText("hello \xC3(", Origin::kData));
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(ids.error().message(), "the text is not valid UTF-8 at byte 6");
}

// A long word is judged by its bytes before it is merged; that never refuses one that fits.
TEST(Tokenizer, a_long_word_that_just_fits_is_taken) {
  const Tokenizer tokenizer = tiny_tokenizer();
  std::mt19937 random(5);
  constexpr std::string_view kPieces[] = {"l", "hello", "ello", "lo", "h", "x", "\xC3\xA9"};
  for (int round = 0; round < 30; ++round) {
    std::string word;
    const std::size_t variety = 1 + random() % std::size(kPieces);
    const bool is_run = random() % 2 == 0;
    while (word.size() < 70'000)
      word += kPieces[is_run && random() % 64 != 0 ? 0 : random() % variety];
    const OriginText text(word, Origin::kData);
    const std::size_t n = tokenizer.encode(text).value().size();
    EXPECT_TRUE(tokenizer.encode(text, {.max_tokens = n})) << word.substr(0, 40);
    EXPECT_FALSE(tokenizer.encode(text, {.max_tokens = n - 1})) << word.substr(0, 40);
  }
}

// A long text is judged by its length before all else, unless rules shorten texts.
TEST(Tokenizer, a_text_that_rules_shorten_is_not_judged_by_its_length) {
  using text::Json;
  const std::string pattern = R"({"type":"Replace","pattern":{"String":"xx"},"content":""})";
  text::Json::Object shortens = tiny_json();
  shortens.set("normalizer", text::parse_json(pattern).value());
  text::Json::Object strips = tiny_json();
  strips.find("added_tokens")->as_array()[0].as_object().set("lstrip", Json(true));
  text::Json::Object lacks_x = tiny_json();
  lacks_x.find("model")->as_object().find("vocab")->as_object().erase("x");
  const std::string spaces(100'000, ' ');
  const std::string crosses(100'000, 'x');
  for (const auto& [json, text] :
       {std::pair(shortens, crosses + "h"), std::pair(strips, spaces + "<s>"),
        std::pair(lacks_x, crosses + "h")}) {
    const auto ids =
        load_json(json).value().encode(OriginText(text, Origin::kTrusted), {.max_tokens = 1});
    ASSERT_TRUE(ids) << ids.error().message();
    EXPECT_EQ(ids->size(), 1u);
  }
}

TEST(Tokenizer, more_tokens_than_allowed_are_refused) {
  const Tokenizer tokenizer = tiny_tokenizer();
  for (const std::string& text :
       {std::string(" hello hello hello"), std::string(100'000, 'x'), std::string("<s><s><s>")}) {
    EXPECT_TRUE(tokenizer.encode(OriginText(text, Origin::kTrusted), {.max_tokens = 100'000}));
    const auto ids = tokenizer.encode(OriginText(text, Origin::kTrusted), {.max_tokens = 2});
    ASSERT_FALSE(ids);
    EXPECT_EQ(ids.error().code(), ErrorCode::kResourceExhausted);
    EXPECT_EQ(ids.error().message(), "the text has more than 2 tokens");
  }
}

Json::Object json_with_template() {
  Json::Object json = tiny_json();
  const auto special = [](std::string_view name, TokenId id) {
    return Json::Member(
        name, Json::Object{{"id", name}, {"ids", Json::Array{id}}, {"tokens", Json::Array{name}}});
  };
  const auto piece = [](std::string_view kind, std::string_view id) {
    return Json(Json::Object{{std::string(kind), Json::Object{{"id", id}, {"type_id", 0}}}});
  };
  json.set(
      "post_processor",
      Json::Object{{"type", "TemplateProcessing"},
                   {"single", Json::Array{piece("SpecialToken", "<s>"), piece("Sequence", "A"),
                                          piece("SpecialToken", "</s>")}},
                   {"special_tokens", Json::Object{special("<s>", kBos), special("</s>", kEos)}}});
  return json;
}

TEST(Tokenizer, special_tokens_are_added_around_the_text_when_asked) {
  const Tokenizer tokenizer = load_json(json_with_template()).value();
  EXPECT_THAT(encode(tokenizer, "hello"), ElementsAre(kHello));
  EXPECT_THAT(encode(tokenizer, "hello", Origin::kData, {.add_special_tokens = true}),
              ElementsAre(kBos, kHello, kEos));
  EXPECT_THAT(encode(tokenizer, "", Origin::kData, {.add_special_tokens = true}),
              ElementsAre(kBos, kEos));
}

TEST(Tokenizer, one_bos_never_two) {
  const Tokenizer tokenizer = load_json(json_with_template()).value();
  EXPECT_THAT(encode(tokenizer, "<s>hello", Origin::kTrusted, {.add_special_tokens = true}),
              ElementsAre(kBos, kHello, kEos));
}

TEST(Tokenizer, added_special_tokens_count_towards_the_limit) {
  const Tokenizer tokenizer = load_json(json_with_template()).value();
  const OriginText text("hello", Origin::kData);
  EXPECT_TRUE(tokenizer.encode(text, {.add_special_tokens = true, .max_tokens = 3}));
  EXPECT_FALSE(tokenizer.encode(text, {.add_special_tokens = true, .max_tokens = 2}));
}

TEST(Tokenizer, the_config_names_special_tokens_and_may_choose_the_bos) {
  const std::string names =
      R"("bos_token":"<s>","eos_token":{"content":"</s>"},"unk_token":null,"pad_token":"<none>")";
  const Tokenizer plain = load_json(tiny_json(), "{" + names + "}").value();
  EXPECT_EQ(plain.special_tokens().bos, kBos);
  EXPECT_EQ(plain.special_tokens().eos, kEos);
  EXPECT_EQ(plain.special_tokens().unk, std::nullopt);
  EXPECT_EQ(plain.special_tokens().pad, std::nullopt);
  EXPECT_THAT(encode(plain, "hello", Origin::kData, {.add_special_tokens = true}),
              ElementsAre(kHello));

  const Tokenizer with_bos =
      load_json(tiny_json(), "{" + names + R"(,"add_bos_token":true})").value();
  EXPECT_THAT(encode(with_bos, "hello", Origin::kData, {.add_special_tokens = true}),
              ElementsAre(kBos, kHello));

  const Tokenizer without =
      load_json(json_with_template(),
                "{" + names + R"(,"add_bos_token":false,"add_eos_token":false})")
          .value();
  EXPECT_THAT(encode(without, "hello", Origin::kData, {.add_special_tokens = true}),
              ElementsAre(kHello));
}

TEST(Tokenizer, decodes_and_skips_special_tokens_when_asked) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const Ids ids = {kBos, kHello, kTool, 0xC3, kEos, 0xA9, 0xFF, 0xFE};
  EXPECT_EQ(tokenizer.decode(ids, false), "<s>hello<tool>\uFFFD</s>\uFFFD");
  EXPECT_EQ(tokenizer.decode(ids, true), "hello<tool>é\uFFFD");
  EXPECT_EQ(tokenizer.decode({}, false), "");
}

TEST(TokenizerDeathTest, an_id_beyond_the_vocabulary_is_a_bug) {
  const Tokenizer tokenizer = tiny_tokenizer();
  EXPECT_DEATH((void)tokenizer.decode(Ids{264}, false), "token 264 of a vocabulary of 264");
}

TEST(Tokenizer, every_token_is_found_by_its_bytes) {
  const Tokenizer tokenizer = tiny_tokenizer();
  ASSERT_EQ(tokenizer.vocab_size(), 264U);
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    EXPECT_EQ(tokenizer.find_token(tokenizer.token_bytes(id)), id);
  }
  EXPECT_EQ(tokenizer.token_bytes(kSpaceHello), " hello");
  EXPECT_EQ(tokenizer.token_bytes(kBos), "<s>");
  EXPECT_EQ(tokenizer.find_token("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.find_token(""), std::nullopt);
  EXPECT_TRUE(tokenizer.is_special(kBos));
  EXPECT_FALSE(tokenizer.is_special(kTool));
  EXPECT_FALSE(tokenizer.is_special(9999));
}

TEST(Tokenizer, ids_without_a_token_have_no_bytes) {
  Json::Object json = tiny_json();
  json.find("added_tokens")->as_array().push_back(tiny_added(300, "<far>", true));
  const Tokenizer tokenizer = load_json(json).value();
  EXPECT_EQ(tokenizer.vocab_size(), 301U);
  EXPECT_EQ(tokenizer.token_bytes(280), "");
  EXPECT_EQ(tokenizer.decode(Ids{280, kHello, 280}, false), "hello");
}

TEST(Tokenizer, bytes_without_a_token_vanish_or_become_unk) {
  Json::Object json = tiny_json();
  Json::Object& model = json.find("model")->as_object();
  ASSERT_TRUE(model.find("vocab")->as_object().erase("x"));
  EXPECT_THAT(encode(load_json(json).value(), "hxxe"), ElementsAre(kHe));
  model.set("unk_token", "?");
  EXPECT_THAT(encode(load_json(json).value(), "hxxe"), ElementsAre('h', '?', '?', 'e'));
  model.set("fuse_unk", true);
  EXPECT_THAT(encode(load_json(json).value(), "hxxexo"), ElementsAre('h', '?', 'e', '?', 'o'));
}

TEST(Tokenizer, the_digest_is_of_what_decides_the_mapping_and_of_nothing_else) {
  const std::string digest = tiny_tokenizer().digest();
  EXPECT_TRUE(digest.starts_with("sha256:"));
  EXPECT_EQ(digest.size(), 7U + 64U);

  Json::Object same = tiny_json();
  same.set("version", "1.0");
  Json::Array& merges = same.find("model")->as_object().find("merges")->as_array();
  for (Json& merge : merges) {
    const std::string text = merge.as_string();
    merge = Json::Array{text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  EXPECT_EQ(load_json(same, R"({"model_max_length":8})").value().digest(), digest);

  Json::Object order = tiny_json();
  Json::Array& swapped = order.find("model")->as_object().find("merges")->as_array();
  std::swap(swapped[0], swapped[1]);
  EXPECT_NE(load_json(order).value().digest(), digest);

  Json::Object flags = tiny_json();
  flags.find("added_tokens")->as_array()[2].as_object().set("lstrip", true);
  EXPECT_NE(load_json(flags).value().digest(), digest);

  Json::Object normalized = tiny_json();
  normalized.set("normalizer", Json::Object{{"type", "NFC"}});
  EXPECT_NE(load_json(normalized).value().digest(), digest);
  EXPECT_NE(load_json(json_with_template()).value().digest(), digest);
}

TEST(Tokenizer, encodes_any_valid_text_and_refuses_all_else) {
  const Tokenizer tokenizer = tiny_tokenizer();
  std::mt19937_64 rng(31);
  constexpr std::string_view kPieces[] = {"<s>", "<",    "hello", " ", "\n",   "'s",
                                          "1",   "\xC3", "\xA9",  "é", "\xFF", "\xE2\x82\xAC"};
  for (int i = 0; i < 20'000; ++i) {
    OriginText text;
    for (std::uint64_t n = rng() % 8; n > 0; --n) {
      text.append(kPieces[rng() % std::size(kPieces)],
                  rng() % 2 == 0 ? Origin::kData : Origin::kTrusted);
    }
    const auto ids = tokenizer.encode(text);
    const bool is_valid = text::find_invalid_utf8(text.bytes()) == std::string_view::npos;
    ASSERT_EQ(ids.has_value(), is_valid);
    if (is_valid) {
      ASSERT_EQ(tokenizer.decode(*ids, false), text.bytes());
    }
  }
}

}  // namespace
}  // namespace penstock::tokenizer
