#include <gmock/gmock.h>

#include <random>

#include "formats/gguf.h"
#include "tests/formats/gguf_writer.h"
#include "tests/tokenizer/golden_reader.h"
#include "tests/tokenizer/tiny_tokenizer.h"

namespace penstock::tokenizer {
namespace {

using formats::testing::GgufWriter;
using testing::ElementsAre;
using text::Origin;
using text::OriginText;

constexpr std::int32_t kNormal = 1, kControl = 3, kUserDefined = 4;

// The tiny tokenizer as GGUF metadata; fields to change before writing.
struct TinyGguf {
  std::string model = "gpt2";
  std::string pre = "gpt-2";
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;
  std::vector<std::string> merges;

  TinyGguf() {
    for (int byte = 0; byte < 256; ++byte)
      tokens.push_back(spelled(std::string(1, static_cast<char>(byte))));
    for (const auto& [left, right] : tiny_merges()) {
      tokens.push_back(spelled(left + right));
      merges.push_back(spelled(left) + " " + spelled(right));
    }
    tokens.insert(tokens.end(), {"<s>", "</s>", "<tool>"});
    types.assign(tokens.size(), kNormal);
    types[kBos] = types[kEos] = kControl;
    types[kTool] = kUserDefined;
  }

  [[nodiscard]] GgufWriter writer() const {
    GgufWriter out;
    out.add_string("tokenizer.ggml.model", model);
    if (!pre.empty()) out.add_string("tokenizer.ggml.pre", pre);
    out.add_strings("tokenizer.ggml.tokens", tokens);
    out.add_strings("tokenizer.ggml.merges", merges);
    std::string bytes;
    GgufWriter::put<std::uint32_t>(bytes, 5);
    GgufWriter::put<std::uint64_t>(bytes, types.size());
    for (const std::int32_t type : types) GgufWriter::put(bytes, type);
    out.add_raw("tokenizer.ggml.token_type", 9, bytes);
    return out;
  }
};

Result<Tokenizer> load(const std::string& bytes) {
  ASSIGN_OR_RETURN(const auto file, formats::GgufFile::parse(std::as_bytes(std::span(bytes))));
  return Tokenizer::from_gguf(file);
}

TEST(ReadGguf, is_the_same_tokenizer_as_from_json) {
  const Tokenizer tokenizer = load(TinyGguf().writer().finish()).value();
  EXPECT_EQ(tokenizer.digest(), tiny_tokenizer().digest());
  EXPECT_THAT(tokenizer.encode(OriginText("<s>hello<tool>", Origin::kTrusted)).value(),
              ElementsAre(kBos, kHello, kTool));
  EXPECT_TRUE(tokenizer.is_special(kBos));
  EXPECT_FALSE(tokenizer.is_special(kTool));
}

TEST(ReadGguf, special_ids_and_the_bos_are_read) {
  GgufWriter writer = TinyGguf().writer();
  writer.add_u32("tokenizer.ggml.bos_token_id", kBos);
  writer.add_u32("tokenizer.ggml.eos_token_id", kEos);
  writer.add_u32("tokenizer.ggml.padding_token_id", kEos);
  writer.add_bool("tokenizer.ggml.add_bos_token", true);
  const Tokenizer tokenizer = load(writer.finish()).value();
  EXPECT_EQ(tokenizer.special_tokens().bos, kBos);
  EXPECT_EQ(tokenizer.special_tokens().eos, kEos);
  EXPECT_EQ(tokenizer.special_tokens().pad, kEos);
  EXPECT_EQ(tokenizer.special_tokens().unk, std::nullopt);
  EXPECT_THAT(
      tokenizer.encode(OriginText("hello", Origin::kData), {.add_special_tokens = true}).value(),
      ElementsAre(kBos, kHello));
}

TEST(ReadGguf, llama3_files_add_a_bos_unless_they_say_no) {
  TinyGguf file;
  file.pre = "llama-bpe";
  GgufWriter silent = file.writer();
  silent.add_u32("tokenizer.ggml.bos_token_id", kBos);
  const OriginText text("hello", Origin::kData);
  EXPECT_THAT(load(silent.finish()).value().encode(text, {.add_special_tokens = true}).value(),
              ElementsAre(kBos, kHello));
  silent.add_bool("tokenizer.ggml.add_bos_token", false);
  EXPECT_THAT(load(silent.finish()).value().encode(text, {.add_special_tokens = true}).value(),
              ElementsAre(kHello));
}

TEST(ReadGguf, each_known_pre_tokenizer_cuts_its_way) {
  const auto encoded = [](std::string_view pre, std::string_view text) {
    TinyGguf file;
    file.pre = pre;
    return load(file.writer().finish())
        .value()
        .encode(OriginText(text, Origin::kData))
        .value()
        .size();
  };
  // Only where the space goes with "hello" is it one token.
  EXPECT_EQ(encoded("gpt-2", "1 hello"), 2U);
  EXPECT_EQ(encoded("smollm", "1 hello"), 2U);
  EXPECT_EQ(encoded("llama-bpe", "1 hello"), 2U);
  EXPECT_EQ(encoded("qwen2", "1 hello"), 2U);
  EXPECT_EQ(encoded("qwen2", "e\u0301"), 2U);  // NFC makes it one character of two bytes
  EXPECT_EQ(encoded("gpt-2", "e\u0301"), 3U);
}

TEST(ReadGguf, what_cannot_be_read_is_named) {
  const auto error_of = [](auto change) {
    TinyGguf file;
    change(file);
    const auto loaded = load(file.writer().finish());
    return loaded ? Error(ErrorCode::kInternal, "loaded") : loaded.error();
  };
  const Error model = error_of([](TinyGguf& file) { file.model = "bert"; });
  EXPECT_EQ(model.code(), ErrorCode::kUnsupported);
  EXPECT_NE(model.message().find("tokenizer.ggml.model is 'bert'"), std::string::npos);
  const Error pre = error_of([](TinyGguf& file) { file.pre = "odd"; });
  EXPECT_EQ(pre.code(), ErrorCode::kUnsupported);
  EXPECT_NE(pre.message().find("tokenizer.ggml.pre is 'odd'"), std::string::npos);
  EXPECT_NE(error_of([](TinyGguf& file) { file.pre = ""; }).message().find("tokenizer.ggml.pre"),
            std::string::npos);
  EXPECT_NE(error_of([](TinyGguf& file) { file.types.pop_back(); })
                .message()
                .find("263 entries for 264 tokens"),
            std::string::npos);
  EXPECT_NE(error_of([](TinyGguf& file) { file.merges.push_back("ab"); })
                .message()
                .find("'ab', which is no pair"),
            std::string::npos);
  EXPECT_NE(error_of([](TinyGguf& file) { file.merges.push_back(""); })
                .message()
                .find("which is no pair"),
            std::string::npos);
  EXPECT_NE(error_of([](TinyGguf& file) { file.merges.push_back("a b"); })
                .message()
                .find("merge 5 of 'a' and 'b'"),
            std::string::npos);
  EXPECT_NE(error_of([](TinyGguf& file) { file.tokens[kBos] = "\xFF"; })
                .message()
                .find("added token 261"),
            std::string::npos);
}

TEST(ReadGguf, a_special_id_outside_the_vocabulary_is_refused) {
  GgufWriter writer = TinyGguf().writer();
  writer.add_u32("tokenizer.ggml.eos_token_id", 264);
  EXPECT_EQ(load(writer.finish()).error().message(),
            "tokenizer.ggml.eos_token_id is 264; there are 264 tokens");
}

TEST(ReadGguf, a_file_without_a_tokenizer_says_so) {
  GgufWriter writer;
  writer.add_string("general.architecture", "llama");
  EXPECT_EQ(load(writer.finish()).error().code(), ErrorCode::kNotFound);
}

TEST(ReadGgufFuzz, bytes_changed_or_cut_anywhere_give_an_error_or_a_tokenizer) {
  std::mt19937_64 rng(67);
  GgufWriter writer = TinyGguf().writer();
  writer.add_u32("tokenizer.ggml.bos_token_id", kBos);
  writer.add_bool("tokenizer.ggml.add_bos_token", true);
  const std::string original = writer.finish();
  for (int i = 0; i < 4000; ++i) {
    std::string bytes = original;
    for (std::uint64_t n = 1 + rng() % 4; n > 0; --n) {
      bytes[rng() % bytes.size()] = static_cast<char>(rng() % 4 == 0 ? rng() : rng() % 12);
    }
    if (rng() % 4 == 0) bytes.resize(rng() % bytes.size());
    const auto loaded = load(bytes);
    if (!loaded) continue;
    const auto ids = loaded->encode(OriginText("<s> hello 12\n", Origin::kTrusted),
                                    {.add_special_tokens = true});
    ASSERT_TRUE(ids);
    (void)loaded->decode(*ids, false);
  }
}

// scores.json as a GGUF file of sentencepiece: piece N has the score -N, and there are no merges.
GgufWriter sentencepiece_writer() {
  const text::Json json = text::parse_json(read_data("scores.json")).value();
  std::vector<std::string> tokens;
  for (const auto& [piece, id] : json.find("model")->find("vocab")->as_object()) {
    tokens.resize(std::max<std::size_t>(tokens.size(), static_cast<std::size_t>(id.as_int()) + 1));
    tokens[static_cast<std::size_t>(id.as_int())] = piece;
  }
  std::vector<std::int32_t> types(tokens.size(), kNormal);
  types[0] = 2;
  types[1] = types[2] = kControl;
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", "llama");
  writer.add_strings("tokenizer.ggml.tokens", tokens);
  std::string scores;
  GgufWriter::put<std::uint32_t>(scores, 6);
  GgufWriter::put<std::uint64_t>(scores, tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    GgufWriter::put(scores, -static_cast<float>(id));
  }
  writer.add_raw("tokenizer.ggml.scores", 9, scores);
  std::string type_bytes;
  GgufWriter::put<std::uint32_t>(type_bytes, 5);
  GgufWriter::put<std::uint64_t>(type_bytes, types.size());
  for (const std::int32_t type : types) GgufWriter::put(type_bytes, type);
  writer.add_raw("tokenizer.ggml.token_type", 9, type_bytes);
  writer.add_u32("tokenizer.ggml.bos_token_id", 1);
  writer.add_u32("tokenizer.ggml.eos_token_id", 2);
  writer.add_u32("tokenizer.ggml.unknown_token_id", 0);
  return writer;
}

TEST(ReadGguf, sentencepiece_scores_give_the_same_tokenizer_as_merges_in_json) {
  const Tokenizer tokenizer = load(sentencepiece_writer().finish()).value();
  const Tokenizer from_json = Tokenizer::from_json(read_data("scores.json"), "").value();
  EXPECT_EQ(tokenizer.digest(), from_json.digest());
  for (const GoldenCase& each : read_golden("scores.golden")) {
    ASSERT_EQ(tokenizer.encode(OriginText(each.text, Origin::kTrusted)).value(), each.ids);
    ASSERT_EQ(tokenizer.decode(each.ids, false), each.decoded);
  }
}

TEST(ReadGguf, sentencepiece_files_say_whether_a_space_comes_first) {
  GgufWriter writer = sentencepiece_writer();
  EXPECT_EQ(load(writer.finish()).value().strip_leading_spaces(), 1U);
  writer.add_bool("tokenizer.ggml.add_space_prefix", false);
  const Tokenizer tokenizer = load(writer.finish()).value();
  EXPECT_EQ(tokenizer.strip_leading_spaces(), 0U);
  const auto ids = tokenizer.encode(OriginText("is is", Origin::kData)).value();
  EXPECT_EQ(tokenizer.token_bytes(ids.front()).front(), 'i');
  EXPECT_EQ(tokenizer.decode(ids, false), "is is");
}

TEST(ReadGguf, sentencepiece_without_sound_scores_is_refused) {
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", "llama");
  writer.add_strings("tokenizer.ggml.tokens", {"a", "b"});
  EXPECT_EQ(load(writer.finish()).error().message(),
            "tokenizer.ggml.scores is not an array of 2 numbers");
  GgufWriter long_piece;
  long_piece.add_string("tokenizer.ggml.model", "llama");
  long_piece.add_strings("tokenizer.ggml.tokens", {std::string(2000, 'a')});
  std::string scores;
  GgufWriter::put<std::uint32_t>(scores, 6);
  GgufWriter::put<std::uint64_t>(scores, 1);
  GgufWriter::put(scores, 0.0F);
  long_piece.add_raw("tokenizer.ggml.scores", 9, scores);
  EXPECT_EQ(load(long_piece.finish()).error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace penstock::tokenizer
