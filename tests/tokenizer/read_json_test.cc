// tokenizer.json as it should not be: each wrong member has its own error, and no file crashes.

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/tokenizer/golden_reader.h"
#include "tests/tokenizer/tiny_tokenizer.h"

namespace penstock::tokenizer {
namespace {

using text::Json;

Json::Object stage(std::string_view type) {
  return {{"type", type}};
}

struct Broken {
  std::function<void(Json::Object&)> change;
  ErrorCode code;
  std::string_view message;
};

Json::Object& model_of(Json::Object& json) {
  return json.find("model")->as_object();
}
Json::Object& vocab_of(Json::Object& json) {
  return model_of(json).find("vocab")->as_object();
}
Json::Object& first_added(Json::Object& json) {
  return json.find("added_tokens")->as_array()[0].as_object();
}

TEST(ReadJson, what_is_not_supported_is_named) {
  const Broken cases[] = {
      {[](auto& json) { model_of(json).set("type", "Unigram"); }, ErrorCode::kUnsupported,
       "model 'Unigram' is not supported; BPE is"},
      {[](auto& json) {
         model_of(json).erase("type");
         model_of(json).erase("merges");
       },
       ErrorCode::kUnsupported, "a model without merges is not supported"},
      {[](auto& json) { model_of(json).set("dropout", 0.1); }, ErrorCode::kUnsupported,
       "'dropout'"},
      {[](auto& json) { model_of(json).set("end_of_word_suffix", "</w>"); },
       ErrorCode::kUnsupported, "'end_of_word_suffix'"},
      {[](auto& json) { json.set("normalizer", stage("BertNormalizer")); }, ErrorCode::kUnsupported,
       "normalizer 'BertNormalizer' is not supported"},
      {[](auto& json) { json.set("pre_tokenizer", stage("Whitespace")); }, ErrorCode::kUnsupported,
       "pre_tokenizer 'Whitespace' is not supported"},
      {[](auto& json) { json.set("post_processor", stage("BertProcessing")); },
       ErrorCode::kUnsupported, "post_processor 'BertProcessing' is not supported"},
      {[](auto& json) { json.set("decoder", stage("WordPiece")); }, ErrorCode::kUnsupported,
       "decoder 'WordPiece' is not supported"},
      {[](auto& json) { json.set("decoder", nullptr); }, ErrorCode::kUnsupported,
       "not both ByteLevel"},
      {[](auto& json) {
         json.set("decoder", nullptr);
         json.set("pre_tokenizer", nullptr);
       },
       ErrorCode::kUnsupported, "neither byte-level nor with byte_fallback"},
      {[](auto& json) {
         json.set(
             "pre_tokenizer",
             Json::Object{{"type", "Sequence"},
                          {"pretokenizers", Json::Array{stage("ByteLevel"), stage("Digits")}}});
       },
       ErrorCode::kUnsupported, "a pre_tokenizer after ByteLevel: 'Digits'"},
      {[](auto& json) {
         json.set("normalizer", Json::Object{{"type", "Replace"},
                                             {"pattern", Json::Object{{"Regex", "a"}}},
                                             {"content", ""}});
       },
       ErrorCode::kUnsupported, "normalizer 'Replace with a Regex'"},
      {[](auto& json) {
         json.set("pre_tokenizer", Json::Object{{"type", "Split"},
                                                {"pattern", Json::Object{{"Regex", "a"}}},
                                                {"behavior", "Odd"}});
       },
       ErrorCode::kUnsupported, "Split behavior 'Odd'"},
  };
  for (const Broken& each : cases) {
    Json::Object json = tiny_json();
    each.change(json);
    const auto loaded = load_json(json);
    ASSERT_FALSE(loaded) << each.message;
    EXPECT_EQ(loaded.error().code(), each.code) << loaded.error().message();
    EXPECT_NE(loaded.error().message().find(each.message), std::string::npos)
        << loaded.error().message();
    EXPECT_TRUE(loaded.error().message().starts_with("tokenizer.json: "));
  }
}

TEST(ReadJson, what_is_wrong_is_named) {
  const Broken cases[] = {
      {[](auto& json) { json.erase("model"); }, ErrorCode::kInvalid, "'model' is missing"},
      {[](auto& json) { json.set("model", 1); }, ErrorCode::kInvalid,
       "'model' is integer; it must be an object"},
      {[](auto& json) { model_of(json).set("vocab", Json::Array{}); }, ErrorCode::kInvalid,
       "'vocab' is array"},
      {[](auto& json) { vocab_of(json).set("x", "1"); }, ErrorCode::kInvalid,
       "'x' is string; it must be an integer"},
      {[](auto& json) { vocab_of(json).set("x", -1); }, ErrorCode::kInvalid,
       "'x' is -1; it must be from 0 to"},
      {[](auto& json) { vocab_of(json).set("x", 4'000'000'000U); }, ErrorCode::kInvalid,
       "'x' is 4000000000"},
      {[](auto& json) { vocab_of(json).set("new", 5); }, ErrorCode::kInvalid, "id 5 stands for"},
      {[](auto& json) { model_of(json).set("merges", Json::Array{"ab"}); }, ErrorCode::kInvalid,
       "merge \"ab\" is not a pair of pieces"},
      {[](auto& json) { model_of(json).set("merges", Json::Array{"a b c"}); }, ErrorCode::kInvalid,
       "not a pair"},
      {[](auto& json) { model_of(json).set("merges", Json::Array{Json::Array{"a"}}); },
       ErrorCode::kInvalid, "not a pair"},
      {[](auto& json) { model_of(json).set("merges", Json::Array{"a b"}); }, ErrorCode::kInvalid,
       "merge 0 of 'a' and 'b' needs a token"},
      {[](auto& json) { model_of(json).set("unk_token", "nope"); }, ErrorCode::kInvalid,
       "unk_token 'nope' is not in the vocabulary"},
      {[](auto& json) { model_of(json).set("fuse_unk", 1); }, ErrorCode::kInvalid,
       "'fuse_unk' is integer"},
      {[](auto& json) { first_added(json).erase("id"); }, ErrorCode::kInvalid,
       "added token '<s>' has no id"},
      {[](auto& json) { first_added(json).set("id", 3); }, ErrorCode::kInvalid,
       "for the added token '<s>'"},
      {[](auto& json) { first_added(json).set("lstrip", "no"); }, ErrorCode::kInvalid,
       "'lstrip' is string"},
      {[](auto& json) { json.set("added_tokens", Json::Object{}); }, ErrorCode::kInvalid,
       "'added_tokens' is object"},
      {[](auto& json) { json.set("pre_tokenizer", Json::Object{}); }, ErrorCode::kInvalid,
       "'type' is missing"},
      {[](auto& json) { json.set("pre_tokenizer", stage("Split")); }, ErrorCode::kInvalid,
       "'pattern' is missing"},
      {[](auto& json) {
         json.set("pre_tokenizer", Json::Object{{"type", "Split"},
                                                {"pattern", Json::Object{{"Regex", "("}}},
                                                {"behavior", "Isolated"}});
         json.set("pre_tokenizer",
                  Json::Object{{"type", "Sequence"},
                               {"pretokenizers",
                                Json::Array{*json.find("pre_tokenizer"), stage("ByteLevel")}}});
       },
       ErrorCode::kInvalid, "the regular expression '(' is wrong"},
      {[](auto& json) {
         json.set("post_processor",
                  Json::Object{{"type", "TemplateProcessing"},
                               {"single", Json::Array{Json::Object{
                                              {"SpecialToken", Json::Object{{"id", "<x>"}}}}}},
                               {"special_tokens", Json::Object{}}});
       },
       ErrorCode::kInvalid, "the template's token '<x>' is not described"},
      {[](auto& json) {
         json.set(
             "post_processor",
             Json::Object{
                 {"type", "TemplateProcessing"},
                 {"single", Json::Array{Json::Object{{"SpecialToken", Json::Object{{"id", "<x>"}}}},
                                        Json::Object{{"Sequence", Json::Object{{"id", "A"}}}}}},
                 {"special_tokens",
                  Json::Object{{"<x>", Json::Object{{"ids", Json::Array{999}}}}}}});
       },
       ErrorCode::kInvalid, "the post_processor's id 999 is no token"},
  };
  for (const Broken& each : cases) {
    Json::Object json = tiny_json();
    each.change(json);
    const auto loaded = load_json(json);
    ASSERT_FALSE(loaded) << each.message;
    EXPECT_EQ(loaded.error().code(), each.code) << loaded.error().message();
    EXPECT_NE(loaded.error().message().find(each.message), std::string::npos)
        << loaded.error().message();
  }
}

TEST(ReadJson, the_file_that_is_no_json_is_named) {
  EXPECT_TRUE(
      Tokenizer::from_json("{", "").error().message().starts_with("tokenizer.json: invalid JSON"));
  EXPECT_TRUE(load_json(tiny_json(), "[")
                  .error()
                  .message()
                  .starts_with("tokenizer_config.json: invalid JSON"));
  EXPECT_NE(load_json(tiny_json(), "[]").error().message().find("tokenizer_config.json"),
            std::string::npos);
  EXPECT_NE(load_json(tiny_json(), R"({"eos_token":7})").error().message().find("'eos_token'"),
            std::string::npos);
}

TEST(ReadJson, an_added_token_keeps_the_id_that_the_vocabulary_gives_it) {
  Json::Object json = tiny_json();
  json.find("added_tokens")->as_array().push_back(tiny_added(999, "hello", false));
  EXPECT_EQ(load_json(json).value().find_token("hello"), kHello);
}

// Any value in the place of any other: an error or a tokenizer that works.
Json* random_place(Json& root, std::mt19937_64& rng) {
  Json* place = &root;
  while (rng() % 5 != 0) {
    if (place->is_array() && !place->as_array().empty()) {
      Json::Array& items = place->as_array();
      place = &items[rng() % items.size()];
    } else if (place->is_object() && !place->as_object().empty()) {
      const auto member = place->as_object().begin() +
                          static_cast<std::ptrdiff_t>(rng() % place->as_object().size());
      place = place->as_object().find(member->first);
    } else {
      break;
    }
  }
  return place;
}

void use(const Result<Tokenizer>& loaded) {
  if (!loaded) {
    ASSERT_FALSE(loaded.error().message().empty());
    return;
  }
  const auto ids =
      loaded->encode(text::OriginText("<s> hello e\u0301 12\n", text::Origin::kTrusted),
                     {.add_special_tokens = true});
  if (ids) {
    (void)loaded->decode(*ids, false);
  }
}

TEST(ReadJsonFuzz, values_swapped_anywhere_give_an_error_or_a_tokenizer) {
  std::mt19937_64 rng(59);
  for (const std::string_view name : {"qwen2.json", "spiece.json", "other.json", "llama3.json"}) {
    Json original = text::parse_json(read_data(name)).value();
    // A short vocabulary keeps the rounds quick; merges that need more are part of the fuzzing.
    Json::Object& model = original.as_object().find("model")->as_object();
    model.find("merges")->as_array().resize(20);
    Json::Object vocab;
    for (const auto& [piece, id] : model.find("vocab")->as_object()) {
      if (id.as_int() < 300) vocab.set(piece, id);
    }
    model.set("vocab", vocab);
    for (int i = 0; i < 1500; ++i) {
      Json changed = original;
      for (std::uint64_t n = 1 + rng() % 2; n > 0; --n) {
        const Json donor = *random_place(changed, rng);
        *random_place(changed, rng) =
            rng() % 3 == 0 ? Json(static_cast<std::int64_t>(rng() % 70000) - 10) : donor;
      }
      use(Tokenizer::from_json(to_json(changed), ""));
    }
  }
}

TEST(ReadJsonFuzz, bytes_changed_or_cut_anywhere_give_an_error_or_a_tokenizer) {
  std::mt19937_64 rng(61);
  const std::string original = to_json(Json(tiny_json()));
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = original;
    for (std::uint64_t n = 1 + rng() % 4; n > 0; --n) {
      bytes[rng() % bytes.size()] = "\"{}[]:,0129a\\ "[rng() % 14];
    }
    if (rng() % 4 == 0) bytes.resize(rng() % bytes.size());
    use(Tokenizer::from_json(bytes, ""));
  }
}

}  // namespace
}  // namespace penstock::tokenizer
