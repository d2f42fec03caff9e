// parse_json against bytes that are almost JSON, and not JSON at all.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "text/json.h"

namespace penstock::text {
namespace {

// Whatever it is, it gives a value that survives writing and reading, or one kInvalid.
void check(const std::string& bytes) {
  const auto value = parse_json(bytes);
  if (!value) {
    ASSERT_EQ(value.error().code(), ErrorCode::kInvalid);
    ASSERT_TRUE(value.error().message().starts_with("invalid JSON"));
    return;
  }
  const std::string written = to_json(*value);
  const auto again = parse_json(written);
  ASSERT_TRUE(again) << written;
  ASSERT_EQ(*again, *value) << written;
  ASSERT_EQ(to_json(*again), written);
}

TEST(JsonFuzz, random_bytes_give_a_value_or_an_error) {
  std::mt19937_64 rng(13);
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes(rng() % 16, '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng());
    check(bytes);
  }
}

TEST(JsonFuzz, random_sequences_of_json_pieces_give_a_value_or_an_error) {
  constexpr std::string_view kPieces[] = {"{",       "}",
                                          "[",       "]",
                                          ":",       ",",
                                          "\"a\"",   "\"b\"",
                                          "1",       "-",
                                          "0",       ".5",
                                          "e9",      "e999",
                                          "true",    "null",
                                          "\"",      "\\",
                                          "\\u00",   "\\ud83d",
                                          "\\ude00", " ",
                                          "\n",      "\xC3\xA9",
                                          "\x80",    "99999999999999999999"};
  std::mt19937_64 rng(17);
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes;
    for (std::uint64_t n = rng() % 10; n > 0; --n) bytes += kPieces[rng() % std::size(kPieces)];
    check(bytes);
  }
}

TEST(JsonFuzz, a_document_with_bytes_changed_or_cut_gives_a_value_or_an_error) {
  const std::string document =
      R"({"model":"m","messages":[{"role":"user","content":"h\u00e9 \ud83d\ude00 {x}"}],"temperature":0.7,)"
      R"("seed":-1234567890123,"stop":["\n",null,true,false],"n":1e3,"nested":[[[[{"a":{}}]]]]})";
  std::mt19937_64 rng(19);
  for (std::size_t cut = 0; cut <= document.size(); ++cut) check(document.substr(0, cut));
  for (int i = 0; i < 50'000; ++i) {
    std::string bytes = document;
    for (std::uint64_t n = 1 + rng() % 3; n > 0; --n) {
      const std::size_t at = rng() % bytes.size();
      switch (rng() % 3) {
        case 0:
          bytes[at] = static_cast<char>(rng());
          break;
        case 1:
          bytes.erase(at, 1 + rng() % 8);
          break;
        default:
          bytes.insert(at, bytes.substr(rng() % bytes.size(), rng() % 8));
      }
      if (bytes.empty()) break;
    }
    check(bytes);
  }
}

}  // namespace
}  // namespace penstock::text
