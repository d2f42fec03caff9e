#include "kv/sequence_hash.h"

#include <gtest/gtest.h>

#include <numeric>

namespace penstock::kv {
namespace {

std::vector<std::uint32_t> counting(std::uint32_t last) {
  std::vector<std::uint32_t> tokens(last);
  std::iota(tokens.begin(), tokens.end(), 1U);
  return tokens;
}

std::vector<std::uint64_t> locals(std::span<const std::uint32_t> tokens, std::uint32_t block_size,
                                  std::uint64_t seed) {
  std::vector<std::uint64_t> out;
  for (std::size_t at = 0; at + block_size <= tokens.size(); at += block_size) {
    out.push_back(local_hash(tokens.subspan(at, block_size), seed).value());
  }
  return out;
}

std::vector<std::uint64_t> chain(std::span<const std::uint32_t> tokens, std::uint32_t block_size,
                                 std::uint64_t seed) {
  std::vector<std::uint64_t> out;
  for (const SequenceHash hash : sequence_hashes(tokens, block_size, seed)) {
    out.push_back(hash.value());
  }
  return out;
}

struct Vector {
  const char* name;
  std::string adapter;
  std::string salt;
  std::uint64_t seed;
  std::vector<std::uint64_t> local;
  std::vector<std::uint64_t> sequence;
};

// The published vectors: tokens 1..16 in blocks of 4.
const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = {
      {"base",
       "",
       "",
       0x539,
       {0xcb38e4d7fb2dca5c, 0xe8d3ec39b907b74c, 0x06b748f1777d599c, 0x01e03482f18b34e9},
       {0xcb38e4d7fb2dca5c, 0x44a2b2379d6d3c3d, 0xaea1e67a6c80cf84, 0x1aaa5eb6e2524a3b}},
      {"adapter",
       "my-lora",
       "",
       0xb2041cc45cbcfedd,
       {0xd97c824a0d4bdab1, 0x6de6cbec6a335efe, 0x59563a3ec2dcb3c3, 0xf20b3a262bff387a},
       {0xd97c824a0d4bdab1, 0xd6eb73bf819c8ca5, 0x730fce433396ea59, 0x40cd53d856d02bbd}},
      {"salt",
       "",
       "tenant-a",
       0x1b095b6229544fb6,
       {0x4fa3e8097233e995, 0x9b7651d1fc728ccb, 0x81509804cf942908, 0x154b25196e4319a4},
       {0x4fa3e8097233e995, 0x0eef8d1bc8240aff, 0xc5c73138b80a0d4c, 0x05fd57594dcb5467}},
      {"both",
       "my-lora",
       "tenant-a",
       0xcd0d78268611495a,
       {0x55754b59eba4a7e7, 0x2d312b8536173c9c, 0x0a5b5e04397f5b61, 0x32c783cc34cb86f9},
       {0x55754b59eba4a7e7, 0x879955b9960f02dd, 0x464eb519dd78d1ba, 0xe056ae9f0c5af094}},
      {"private tenant",
       "",
       "\x1F"
       "1a989a19cd36e906815e1f0fab41d7c5",
       0x49f78fae3cd97a60,
       {0x15c42bba10e2645b, 0xcb9c10f248e55372, 0x85b5b9b0c45e21bc, 0xd61b13e01b5c9dd0},
       {0x15c42bba10e2645b, 0xc6d05767b4ac2a12, 0x26c4ed93963436a5, 0xd536f5f080b69c67}},
  };
  return all;
}

TEST(SequenceHash, agrees_with_the_published_vectors) {
  const auto tokens = counting(16);
  for (const Vector& v : vectors()) {
    SCOPED_TRACE(v.name);
    const std::uint64_t seed = hash_seed(v.adapter, v.salt);
    EXPECT_EQ(seed, v.seed);
    EXPECT_EQ(locals(tokens, 4, seed), v.local);
    EXPECT_EQ(chain(tokens, 4, seed), v.sequence);
  }
}

TEST(SequenceHash, covers_blocks_of_32_and_extreme_token_ids) {
  EXPECT_EQ(chain(counting(64), 32, kChainSeed),
            (std::vector<std::uint64_t>{0x58cde80469407a3a, 0x4a708f5d985d5e31}));
  EXPECT_EQ(chain(std::vector<std::uint32_t>(32, 0), 32, kChainSeed),
            (std::vector<std::uint64_t>{0x701b72b18a565c2f}));
  EXPECT_EQ(chain(std::vector<std::uint32_t>{0xFFFFFFFF, 0x80000000, 1, 2}, 4, kChainSeed),
            (std::vector<std::uint64_t>{0x7ec73f2c0c3cc885}));
}

TEST(SequenceHash, lets_objects_enter_the_block_they_touch) {
  const auto tokens = counting(16);
  const std::vector<std::uint64_t> extra = {0xAA, 0xBEEF};
  const LocalHash second = local_hash(std::span(tokens).subspan(4, 4), kChainSeed, extra);
  EXPECT_EQ(second.value(), 0x34ac68d80f279f5bU);
  const SequenceHash first = first_hash(local_hash(std::span(tokens).first(4), kChainSeed));
  EXPECT_EQ(chain_hash(first, second).value(), 0x68569483340c9cb7U);
}

TEST(SequenceHash, hashes_whole_blocks_only) {
  const auto tokens = counting(11);
  EXPECT_EQ(chain(tokens, 4, kChainSeed).size(), 2U);
  EXPECT_TRUE(chain(std::span(tokens).first(3), 4, kChainSeed).empty());
  EXPECT_TRUE(chain({}, 4, kChainSeed).empty());
}

}  // namespace
}  // namespace penstock::kv
