// A tokenizer of 264 tokens whose ids can be told by eye: token N < 256 is byte N, then the words
// below, then added tokens.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/json.h"
#include "text/utf8.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {

inline constexpr TokenId kHe = 256, kLl = 257, kHell = 258, kHello = 259, kSpaceHello = 260;
inline constexpr TokenId kBos = 261, kEos = 262, kTool = 263;

// `bytes` in the byte-level alphabet.
inline std::string spelled(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) {
    text::append_utf8(out, character_of_byte(static_cast<std::uint8_t>(byte)));
  }
  return out;
}

inline const std::vector<std::pair<std::string, std::string>>& tiny_merges() {
  static const std::vector<std::pair<std::string, std::string>> merges = {
      {"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {" ", "hello"}};
  return merges;
}

inline text::Json tiny_added(TokenId id, std::string_view content, bool special) {
  return text::Json::Object{{"id", id},          {"content", content}, {"single_word", false},
                            {"lstrip", false},   {"rstrip", false},    {"normalized", false},
                            {"special", special}};
}

// tokenizer.json as a value, to change before writing it.
inline text::Json::Object tiny_json() {
  using text::Json;
  Json::Object vocab;
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocab.set(spelled(std::string(1, static_cast<char>(byte))), byte);
  }
  Json::Array merges;
  for (const auto& [left, right] : tiny_merges()) {
    vocab.set(spelled(left + right), static_cast<unsigned>(vocab.size()));
    merges.emplace_back(spelled(left) + " " + spelled(right));
  }
  const Json byte_level(Json::Object{{"type", "ByteLevel"}, {"add_prefix_space", false}});
  return {
      {"added_tokens", Json::Array{tiny_added(kBos, "<s>", true), tiny_added(kEos, "</s>", true),
                                   tiny_added(kTool, "<tool>", false)}},
      {"normalizer", nullptr},
      {"pre_tokenizer", byte_level},
      {"post_processor", nullptr},
      {"decoder", byte_level},
      {"model", Json::Object{{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

inline Result<Tokenizer> load_json(const text::Json::Object& json, std::string_view config = "") {
  return Tokenizer::from_json(to_json(text::Json(json)), config);
}

inline Tokenizer tiny_tokenizer() {
  auto loaded = load_json(tiny_json());
  EXPECT_TRUE(loaded) << loaded.error().message();
  return std::move(loaded).value();
}

}  // namespace penstock::tokenizer
