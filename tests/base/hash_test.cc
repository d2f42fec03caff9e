#include "base/hash.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Published by the algorithm's authors: the empty input, and what `xxhsum -H3` says of "abc".
TEST(Xxh3, equals_published_values) {
  EXPECT_EQ(xxh3_64(std::string_view(), 0), 0x2D06800538D394C2U);
  EXPECT_EQ(xxh3_64("abc", 0), 0x78AF5F94892F3950U);
  EXPECT_EQ(xxh3_128({}), (Hash128{0x99AA06D3014798D8U, 0x6001C324468D497FU}));
}

TEST(Xxh3, depends_on_the_seed_and_not_on_the_form_of_the_input) {
  EXPECT_NE(xxh3_64("abc", 0), xxh3_64("abc", 1337));
  EXPECT_EQ(xxh3_64("abc", 1337), xxh3_64(bytes_of("abc"), 1337));
}

// FIPS 180-4 examples.
TEST(Sha256, equals_published_values) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_text(sha256("abc")),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, over_pieces_equals_the_whole) {
  const std::string text(1000, 'x');
  for (const std::size_t piece : {1U, 63U, 64U, 65U, 999U}) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      hash.update(std::string_view(text).substr(at, piece));
    }
    EXPECT_EQ(std::move(hash).finish(), sha256(text)) << "pieces of " << piece;
  }
}

TEST(Hex, has_two_lower_case_digits_per_byte) {
  const std::array<std::byte, 3> bytes = {std::byte{0x00}, std::byte{0x0F}, std::byte{0xAB}};
  EXPECT_EQ(to_hex(bytes), "000fab");
}

}  // namespace
}  // namespace penstock
