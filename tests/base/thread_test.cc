#include "base/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <optional>

namespace penstock {
namespace {

TEST(NamedThread, runs_its_body_under_its_name) {
  std::array<char, 32> name{};
  NamedThread thread("engine-loop",
                     [&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
  thread.join();
  EXPECT_STREQ(name.data(), "engine-loop");
}

TEST(NamedThread, shows_the_first_15_characters_of_a_long_name) {
  std::array<char, 32> name{};
  NamedThread thread("a-name-of-more-than-15-characters",
                     [&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
  thread.join();
  EXPECT_STREQ(name.data(), "a-name-of-more-");
}

TEST(NamedThread, is_joinable_from_start_to_join) {
  NamedThread none;
  EXPECT_FALSE(none.joinable());
  NamedThread thread("short", [] {});
  EXPECT_TRUE(thread.joinable());
  none = std::move(thread);
  EXPECT_TRUE(none.joinable());
  none.join();
  EXPECT_FALSE(none.joinable());
}

TEST(NamedThreadDeathTest, that_is_never_joined_is_a_bug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH({ const NamedThread thread("forgotten", [] {}); }, "outlives its owner");
  EXPECT_DEATH(NamedThread().join(), "never ran");
}

}  // namespace
}  // namespace penstock
