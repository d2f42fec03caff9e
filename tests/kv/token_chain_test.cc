#include "kv/token_chain.h"

#include <gtest/gtest.h>

#include <numeric>

#include "kv/sequence_hash.h"

namespace penstock::kv {
namespace {

std::vector<std::uint32_t> counting(std::uint32_t last) {
  std::vector<std::uint32_t> tokens(last);
  std::iota(tokens.begin(), tokens.end(), 1U);
  return tokens;
}

TEST(TokenChain, names_its_full_blocks_as_sequence_hashes_does) {
  const auto tokens = counting(19);
  const TokenChain chain({.block_size = 4, .seed = kChainSeed}, tokens);
  const auto expected = sequence_hashes(tokens, 4, kChainSeed);
  ASSERT_EQ(chain.num_full_blocks(), expected.size());
  for (std::uint32_t i = 0; i < chain.num_full_blocks(); ++i) {
    EXPECT_EQ(chain.sequence_hash(i), expected[i]);
    EXPECT_EQ(chain.local_hash(i),
              local_hash(std::span(tokens).subspan(std::size_t{i} * 4, 4), kChainSeed));
  }
}

TEST(TokenChain, gives_the_same_names_token_by_token_as_at_once) {
  const auto tokens = counting(64);
  const TokenChain whole({.block_size = 8, .seed = 77}, tokens);
  TokenChain grown({.block_size = 8, .seed = 77, .expected_tokens = 64}, {});
  for (std::uint32_t n = 0; n < 64; ++n) {
    EXPECT_EQ(grown.num_full_blocks(), n / 8);
    grown.append(tokens[n]);
  }
  ASSERT_EQ(grown.num_full_blocks(), whole.num_full_blocks());
  for (std::uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(grown.sequence_hash(i), whole.sequence_hash(i));
    EXPECT_EQ(grown.local_hash(i), whole.local_hash(i));
  }
}

TEST(TokenChain, shows_what_each_block_holds) {
  const auto tokens = counting(10);
  const TokenChain chain({.block_size = 4, .seed = 5}, tokens);
  const BlockContent second = chain.block(1);
  EXPECT_EQ(second.sequence_hash, chain.sequence_hash(1));
  EXPECT_EQ(second.local_hash, chain.local_hash(1));
  EXPECT_EQ(second.seed, 5U);
  EXPECT_EQ(second.index, 1U);
  EXPECT_EQ(std::vector(second.tokens.begin(), second.tokens.end()),
            (std::vector<std::uint32_t>{5, 6, 7, 8}));
}

TEST(TokenChain, has_no_names_without_a_full_block) {
  TokenChain chain({.block_size = 4}, counting(3));
  EXPECT_EQ(chain.num_full_blocks(), 0U);
  EXPECT_EQ(chain.size(), 3U);
  chain.append(4);
  EXPECT_EQ(chain.num_full_blocks(), 1U);
}

TEST(TokenChain, reserves_no_more_than_a_bound_for_an_immodest_request) {
  TokenChain chain({.block_size = 4, .expected_tokens = 0xFFFF'FFFF}, counting(1));
  chain.append(2);
  EXPECT_EQ(chain.size(), 2U);
}

}  // namespace
}  // namespace penstock::kv
