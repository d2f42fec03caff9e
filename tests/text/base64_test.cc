#include "text/base64.h"

#include <gtest/gtest.h>

#include <random>

namespace penstock::text {
namespace {

std::string encoded(std::string_view bytes) {
  return encode_base64(std::as_bytes(std::span(bytes)));
}

TEST(Base64, gives_the_test_vectors_of_rfc_4648) {
  const std::pair<std::string_view, std::string_view> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(encoded(plain), text);
    EXPECT_EQ(decode_base64(text).value(), plain);
  }
}

TEST(Base64, any_bytes_come_back) {
  std::mt19937_64 rng(3);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(rng());
    EXPECT_EQ(decode_base64(encoded(bytes)).value(), bytes);
  }
}

TEST(Base64, refuses_what_is_not_the_one_spelling_of_some_bytes) {
  for (const std::string_view text : {"A", "AA", "AAA", "A===", "====", "AA=A", "=AAA", "AAAA=",
                                      "AA==AAAA", "Zm9v\n", "Zm-_", "Zg =", "Zh==", "Zm9="}) {
    const auto decoded = decode_base64(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code(), ErrorCode::kInvalid);
  }
}

TEST(Base64, the_error_names_the_place) {
  EXPECT_EQ(decode_base64("AAAAAA*A").error().message(),
            "base64 has a wrong character at offset 6");
}

}  // namespace
}  // namespace penstock::text
