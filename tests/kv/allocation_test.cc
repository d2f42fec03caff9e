// What a step does with the pool and its cache allocates nothing; only lists of events do.
//
// An executable of its own: it replaces operator new of everything that it links.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/token_chain.h"

namespace {

std::size_t num_allocations = 0;

void* allocate(std::size_t size) noexcept {
  ++num_allocations;
  return std::malloc(size == 0 ? 1 : size);
}

void* allocate_or_throw(std::size_t size) {
  void* const memory = allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All of the unaligned family: a sanitizer would supply whichever is left out, with its own notion
// of who may free it.
void* operator new(std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new[](std::size_t size) {
  return allocate_or_throw(size);
}
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  return allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, const std::nothrow_t& /*tag*/) noexcept {
  std::free(memory);
}

namespace penstock::kv {
namespace {

constexpr std::uint32_t kBlockSize = 4;
constexpr std::uint32_t kNumBlocks = 100;

TokenChain chain_of(std::uint32_t first_token) {
  TokenChain chain({.block_size = kBlockSize, .expected_tokens = kNumBlocks * kBlockSize}, {});
  for (std::uint32_t i = 0; i < kNumBlocks * kBlockSize; ++i) chain.append(first_token + i);
  return chain;
}

std::optional<BlockId> block_before(const BlockTable& table, std::uint32_t i) {
  if (i == 0) return std::nullopt;
  return BlockId(table.block_ids()[i - 1]);
}

void plan(BlockPool& pool, const TokenChain& chain, BlockTable& table) {
  ASSERT_TRUE(table.grow_to(chain.size(), pool));
  for (std::uint32_t i = 0; i < chain.num_full_blocks(); ++i) {
    (void)pool.cache().insert_pending(chain, i, block_before(table, i),
                                      BlockId(table.block_ids()[i]));
  }
}

void commit(BlockPool& pool, const BlockTable& table) {
  for (const std::uint32_t id : table.block_ids()) pool.cache().commit(BlockId(id));
}

TEST(Allocation, a_chain_grows_within_its_expected_length_for_free) {
  TokenChain chain({.block_size = kBlockSize, .expected_tokens = 64}, {});
  const std::size_t before = num_allocations;
  for (std::uint32_t i = 0; i < 64; ++i) chain.append(i);
  EXPECT_EQ(num_allocations, before);
}

TEST(Allocation, planning_matching_and_giving_back_are_free) {
  BlockPool pool(kNumBlocks, kBlockSize);
  const TokenChain chain = chain_of(0);
  BlockTable table(kBlockSize);
  table.reserve(kNumBlocks);
  std::vector<BlockId> hits;
  hits.reserve(kNumBlocks);

  std::size_t before = num_allocations;
  plan(pool, chain, table);
  for (std::uint32_t i = kNumBlocks; i > 0; --i) {
    pool.cache().withdraw(BlockId(table.block_ids()[i - 1]));
  }
  table.clear();
  plan(pool, chain, table);
  EXPECT_EQ(num_allocations, before);

  commit(pool, table);
  before = num_allocations;
  table.clear();
  pool.cache().match(chain, 0, chain.num_full_blocks(), std::nullopt, hits);
  EXPECT_EQ(hits.size(), kNumBlocks);
  for (const BlockId hit : hits) {
    table.append(pool.reference(hit));
    pool.cache().set_priority(hit, 3);
  }
  table.clear();
  for (const BlockId hit : hits) pool.cache().set_priority(hit, 1);
  EXPECT_EQ(num_allocations, before);
}

// 100 blocks stored and 100 removed: two lists that double as they grow, and the list of events.
TEST(Allocation, storing_and_evicting_allocate_for_their_events_alone) {
  BlockPool pool(kNumBlocks, kBlockSize);
  const TokenChain chain = chain_of(0);
  BlockTable table(kBlockSize);
  table.reserve(kNumBlocks);
  std::size_t before = num_allocations;
  plan(pool, chain, table);
  commit(pool, table);
  table.clear();
  EXPECT_TRUE(table.grow_to(chain.size(), pool));
  EXPECT_EQ(pool.cache().num_evicted(), kNumBlocks);
  EXPECT_LE(num_allocations - before, 2 * 8 + 2);
  EXPECT_EQ(pool.cache().take_events().size(), 2U);
}

}  // namespace
}  // namespace penstock::kv
