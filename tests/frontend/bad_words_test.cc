#include "frontend/bad_words.h"

#include <gtest/gtest.h>

#include "test_models.h"

namespace penstock::frontend {
namespace {

using Sequence = std::vector<openai::TokenId>;
using Sequences = std::vector<Sequence>;

Sequences bytes_of(const std::vector<std::string>& texts) {
  Sequences out;
  for (const std::string& text : texts) out.push_back(ids_of(text));
  return out;
}

Sequences sequences_of(std::vector<std::string> words, std::uint32_t vocab_size = kVocabSize) {
  auto made = bad_sequences(words, *make_byte_tokenizer(), vocab_size);
  EXPECT_TRUE(made) << made.error().message;
  return made.value_or(Sequences{});
}

TEST(BadWords, forbid_each_word_with_and_without_a_space_before_it) {
  EXPECT_EQ(sequences_of({"ab", "c"}), bytes_of({" ab", " c", "ab", "c"}));
  EXPECT_TRUE(sequences_of({}).empty());
}

TEST(BadWords, spaces_before_a_word_change_nothing_and_repetitions_neither) {
  EXPECT_EQ(sequences_of({"  ab", "ab", " ab"}), bytes_of({" ab", "ab"}));
}

TEST(BadWords, of_spaces_alone_are_meant_as_written) {
  EXPECT_EQ(sequences_of({"  "}), bytes_of({"  "}));
}

TEST(BadWords, never_spell_a_special_token) {
  EXPECT_EQ(sequences_of({"<s>"}), bytes_of({" <s>", "<s>"}));
}

TEST(BadWords, that_the_model_has_no_tokens_for_need_no_mask) {
  EXPECT_EQ(sequences_of({"a\xC3\xA9", "b"}, 128), bytes_of({" b", "b"}));
}

// A tokenizer that writes a space before every text, as SentencePiece models do.
tokenizer::Tokenizer make_spacing_tokenizer() {
  using text::Json;
  constexpr std::string_view kSpace = "\xE2\x96\x81";
  const std::string space(kSpace);
  Json::Object vocab;
  for (const std::string& token : std::vector<std::string>{"<unk>", "<0x0A>", space, "h", "i",
                                                           space + "h", "hi", space + "hi"}) {
    vocab.set(token, Json(static_cast<std::int64_t>(vocab.size())));
  }
  const auto replace = [](std::string_view from, std::string_view to) {
    return Json(Json::Object{{"type", Json("Replace")},
                             {"pattern", Json(Json::Object{{"String", Json(from)}})},
                             {"content", Json(to)}});
  };
  const Json prepend(Json::Object{{"type", Json("Prepend")}, {"prepend", Json(kSpace)}});
  const Json strip(Json::Object{
      {"type", Json("Strip")}, {"content", Json(" ")}, {"start", Json(1)}, {"stop", Json(0)}});
  const Json fallback(Json::Object{{"type", Json("ByteFallback")}});
  const Json fuse(Json::Object{{"type", Json("Fuse")}});
  const Json root(Json::Object{
      {"version", Json("1.0")},
      {"added_tokens", Json(Json::Array{})},
      {"normalizer",
       Json(Json::Object{{"type", Json("Sequence")},
                         {"normalizers", Json(Json::Array{prepend, replace(" ", kSpace)})}})},
      {"decoder", Json(Json::Object{{"type", Json("Sequence")},
                                    {"decoders", Json(Json::Array{replace(kSpace, " "), fallback,
                                                                  fuse, strip})}})},
      {"model", Json(Json::Object{{"type", Json("BPE")},
                                  {"vocab", Json(vocab)},
                                  {"unk_token", Json("<unk>")},
                                  {"fuse_unk", Json(true)},
                                  {"byte_fallback", Json(true)},
                                  {"merges", Json(Json::Array{Json("h i"), Json(space + " hi"),
                                                              Json(space + " h")})}})}});
  auto made = tokenizer::Tokenizer::from_json(text::to_json(root), "");
  EXPECT_TRUE(made) << made.error().message();
  return std::move(made).value();
}

TEST(BadWords, have_both_forms_where_the_tokenizer_writes_the_space_itself) {
  const auto made =
      bad_sequences(std::vector<std::string>{"hi"}, make_spacing_tokenizer(), kVocabSize);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*made, (Sequences{{6}, {7}}));
}

}  // namespace
}  // namespace penstock::frontend
