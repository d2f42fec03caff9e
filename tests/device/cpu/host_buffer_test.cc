#include "device/cpu/host_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace penstock::device {
namespace {

TEST(HostBuffer, is_zeroed_and_aligned_at_every_size) {
  for (const std::size_t size : {1UL, 63UL, 64UL, 4097UL, (2UL << 20) - 1, 2UL << 20, 5UL << 20}) {
    auto buffer = HostBuffer::allocate(size);
    ASSERT_TRUE(buffer) << buffer.error().message();
    EXPECT_EQ(buffer->size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % HostBuffer::kAlignment, 0U);
    EXPECT_TRUE(std::ranges::all_of(buffer->bytes(), [](std::byte b) { return b == std::byte{}; }));
    buffer->bytes().back() = std::byte{1};
  }
}

TEST(HostBuffer, large_buffers_start_at_a_huge_page) {
  auto buffer = HostBuffer::allocate(3UL << 20);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % (2UL << 20), 0U);
}

TEST(HostBuffer, an_impossible_size_is_an_error_that_names_it) {
  const auto buffer = HostBuffer::allocate(SIZE_MAX - 5);
  ASSERT_FALSE(buffer);
  EXPECT_EQ(buffer.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(buffer.error().message().find(std::to_string(SIZE_MAX - 5)), std::string::npos);
}

TEST(HostBuffer, moves_leave_the_source_empty) {
  auto first = HostBuffer::allocate(3UL << 20);
  auto small = HostBuffer::allocate(100);
  ASSERT_TRUE(first && small);
  const std::byte* place = first->data();
  *small = std::move(*first);
  EXPECT_EQ(small->data(), place);
  EXPECT_EQ(first->size(), 0U);
}

TEST(HostBuffer, nothing_is_an_empty_buffer) {
  const auto buffer = HostBuffer::allocate(0);
  ASSERT_TRUE(buffer);
  EXPECT_EQ(buffer->size(), 0U);
}

}  // namespace
}  // namespace penstock::device
