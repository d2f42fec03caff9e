#include "kv/hash_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace penstock::kv {
namespace {

TEST(HashIndex, finds_what_was_inserted_and_not_erased) {
  HashIndex index(4);
  EXPECT_FALSE(index.find(SequenceHash(7)).has_value());
  index.insert(SequenceHash(7), BlockId(2));
  EXPECT_EQ(index.find(SequenceHash(7)), BlockId(2));
  index.erase(SequenceHash(7));
  EXPECT_FALSE(index.find(SequenceHash(7)).has_value());
  EXPECT_EQ(index.size(), 0U);
}

TEST(HashIndex, takes_any_hash_even_zero) {
  HashIndex index(2);
  index.insert(SequenceHash(0), BlockId(0));
  index.insert(SequenceHash(~0ULL), BlockId(1));
  EXPECT_EQ(index.find(SequenceHash(0)), BlockId(0));
  EXPECT_EQ(index.find(SequenceHash(~0ULL)), BlockId(1));
}

// 4 entries have 8 slots: hashes equal modulo 8 share a home.
TEST(HashIndex, keeps_the_others_of_a_run_when_one_of_it_goes) {
  for (std::uint64_t gone = 0; gone < 4; ++gone) {
    HashIndex index(4);
    // The run starts at the last slot and wraps around.
    for (std::uint64_t i = 0; i < 4; ++i) {
      index.insert(SequenceHash(7 + 8 * i), BlockId(static_cast<std::uint32_t>(i)));
    }
    index.erase(SequenceHash(7 + 8 * gone));
    for (std::uint64_t i = 0; i < 4; ++i) {
      const auto found = index.find(SequenceHash(7 + 8 * i));
      EXPECT_EQ(found.has_value(), i != gone);
      if (found) {
        EXPECT_EQ(found->value(), i);
      }
    }
  }
}

TEST(HashIndex, agrees_with_a_map_under_random_operations) {
  std::mt19937 random(3);
  HashIndex index(64);
  std::map<std::uint64_t, std::uint32_t> expected;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t hash = random() % 200;  // crowded homes, runs that wrap
    const auto it = expected.find(hash);
    if (it != expected.end() && random() % 2 == 0) {
      index.erase(SequenceHash(hash));
      expected.erase(it);
    } else if (it == expected.end() && expected.size() < 64) {
      const std::uint32_t block = random() % 1000;
      index.insert(SequenceHash(hash), BlockId(block));
      expected.emplace(hash, block);
    }
    const std::uint64_t asked = random() % 200;
    const auto found = index.find(SequenceHash(asked));
    const auto wanted = expected.find(asked);
    ASSERT_EQ(found.has_value(), wanted != expected.end());
    if (found) {
      ASSERT_EQ(found->value(), wanted->second);
    }
    ASSERT_EQ(index.size(), expected.size());
  }
  index.clear();
  for (const auto& [hash, block] : expected) {
    EXPECT_FALSE(index.find(SequenceHash(hash)).has_value());
  }
}

TEST(HashIndexDeathTest, finds_a_hash_that_is_inserted_twice_or_erased_without_being_there) {
  HashIndex index(4);
  index.insert(SequenceHash(1), BlockId(0));
  EXPECT_DEATH(index.insert(SequenceHash(1), BlockId(1)), "is in the index");
  EXPECT_DEATH(index.erase(SequenceHash(2)), "is not in the index");
}

}  // namespace
}  // namespace penstock::kv
