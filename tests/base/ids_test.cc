#include "base/ids.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <type_traits>
#include <unordered_set>

namespace penstock {
namespace {

using BlockId = StrongId<struct BlockIdTag, std::uint32_t>;
using RequestId = StrongId<struct RequestIdTag, std::uint32_t>;

static_assert(!std::is_convertible_v<std::uint32_t, BlockId>, "no raw integer becomes an id");
static_assert(!std::is_convertible_v<BlockId, std::uint32_t>, "no id becomes a raw integer");
static_assert(!std::is_constructible_v<BlockId, RequestId>, "ids of two kinds do not mix");

TEST(StrongId, compares_and_hashes_by_value) {
  EXPECT_EQ(BlockId(3), BlockId(3));
  EXPECT_LT(BlockId(3), BlockId(4));
  const std::unordered_set<BlockId> ids = {BlockId(1), BlockId(2), BlockId(1)};
  EXPECT_EQ(ids.size(), 2U);
}

TEST(StrongId, is_zero_by_default) {
  EXPECT_EQ(BlockId().value(), 0U);
}

}  // namespace
}  // namespace penstock
