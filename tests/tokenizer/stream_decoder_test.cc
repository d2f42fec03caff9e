#include "tokenizer/stream_decoder.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/tokenizer/golden_reader.h"
#include "tests/tokenizer/tiny_tokenizer.h"

namespace penstock::tokenizer {
namespace {

using Ids = std::vector<TokenId>;

std::string stream(const Tokenizer& tokenizer, const Ids& prompt, const Ids& output,
                   bool skip_special_tokens) {
  StreamDecoder decoder(tokenizer, prompt, skip_special_tokens);
  std::string out;
  for (const TokenId id : output) out += decoder.push(id);
  return out + decoder.finish();
}

TEST(StreamDecoder, gives_a_character_when_its_last_byte_has_come) {
  const Tokenizer tokenizer = tiny_tokenizer();
  StreamDecoder decoder(tokenizer, {}, false);
  EXPECT_EQ(decoder.push(kHello), "hello");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_TRUE(decoder.has_pending());
  EXPECT_EQ(decoder.push(0x82), "");
  EXPECT_EQ(decoder.push(0xAC), "€");
  EXPECT_FALSE(decoder.has_pending());
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, bytes_that_never_complete_are_one_replacement_per_run) {
  const Tokenizer tokenizer = tiny_tokenizer();
  StreamDecoder decoder(tokenizer, {}, false);
  EXPECT_EQ(decoder.push(0xFF), "\uFFFD");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push(0x82), "");
  EXPECT_EQ(decoder.push('a'), "a");  // its run began with 0xFF
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, a_skipped_special_token_leaves_nothing_between_halves) {
  const Tokenizer tokenizer = tiny_tokenizer();
  EXPECT_EQ(stream(tokenizer, {}, {0xC3, kEos, 0xA9}, true), "é");
  EXPECT_EQ(stream(tokenizer, {}, {0xC3, kEos, 0xA9}, false), "\uFFFD</s>\uFFFD");
}

TEST(StreamDecoder, half_a_character_of_the_prompt_stays_the_prompts) {
  const Tokenizer tokenizer = tiny_tokenizer();
  StreamDecoder decoder(tokenizer, Ids{kHello, 0xC3}, false);
  EXPECT_EQ(decoder.push('x'), "x");
}

TEST(StreamDecoder, any_tokens_stream_to_one_decode_of_the_whole) {
  const Tokenizer tokenizer = tiny_tokenizer();
  std::mt19937_64 rng(37);
  constexpr TokenId kDrawn[] = {'a',  kHello, kBos, kTool, 0x80, 0xA9, 0xC3, 0xE2,
                                0x82, 0xAC,   0xED, 0xA0,  0xF0, 0x9F, 0x98, 0xFF};
  for (int i = 0; i < 50'000; ++i) {
    const bool skips = rng() % 2 == 0;
    StreamDecoder decoder(tokenizer, {}, skips);
    Ids ids(rng() % 16);
    std::string out;
    for (TokenId& id : ids) {
      id = kDrawn[rng() % std::size(kDrawn)];
      const std::string part = decoder.push(id);
      ASSERT_EQ(text::find_invalid_utf8(part), std::string_view::npos);
      out += part;
    }
    out += decoder.finish();
    ASSERT_EQ(out, tokenizer.decode(ids, skips));
  }
}

class SentencePieceStream : public testing::Test {
 protected:
  TokenId id_of(std::string_view text) { return tokenizer_.find_token(text).value(); }
  std::string stream(const Ids& prompt, const Ids& output) {
    return tokenizer::stream(tokenizer_, prompt, output, true);
  }
  Tokenizer tokenizer_ = Tokenizer::from_json(read_data("spiece.json"), "").value();
};

TEST_F(SentencePieceStream, the_space_at_the_start_of_the_text_is_dropped) {
  const Ids output = {id_of(" is"), id_of(" is")};
  EXPECT_EQ(stream({}, output), "is is");
  EXPECT_EQ(tokenizer_.decode(output, true), "is is");
}

TEST_F(SentencePieceStream, after_a_prompt_it_stays) {
  EXPECT_EQ(stream({id_of("a")}, {id_of(" is")}), " is");
  EXPECT_EQ(stream({id_of(" is")}, {id_of(" is")}), " is");
}

TEST_F(SentencePieceStream, a_prompt_of_skipped_tokens_is_no_text) {
  EXPECT_EQ(stream({id_of("<s>")}, {id_of(" is")}), "is");
  EXPECT_EQ(stream({}, {id_of("<s>"), id_of(" is")}), "is");
}

TEST_F(SentencePieceStream, only_one_space_is_dropped) {
  EXPECT_EQ(stream({}, {id_of(" "), id_of(" is")}), " is");
  EXPECT_EQ(stream({id_of(" ")}, {id_of(" is")}), " is");
}

TEST_F(SentencePieceStream, byte_fallback_completes_characters) {
  EXPECT_EQ(stream({}, {id_of("\xE2"), id_of("\x82"), id_of("\xAC"), id_of("\xFF")}), "€\uFFFD");
}

}  // namespace
}  // namespace penstock::tokenizer
