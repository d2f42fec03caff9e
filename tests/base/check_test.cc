#include "base/check.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(Check, that_holds_evaluates_its_condition_once_and_its_text_never) {
  int conditions = 0;
  int texts = 0;
  const auto text = [&] {
    ++texts;
    return "text";
  };
  CHECK(++conditions == 1, "{}", text());
  EXPECT_EQ(conditions, 1);
  EXPECT_EQ(texts, 0);
}

TEST(CheckDeathTest, that_fails_ends_the_process_and_names_place_condition_and_detail) {
  const int block = 7;
  EXPECT_DEATH(CHECK(block < 0, "block {} is free already", block),
               "check_test.cc:[0-9]+: CHECK\\(block < 0\\) failed: block 7 is free already");
  EXPECT_DEATH(CHECK(block < 0), "CHECK\\(block < 0\\) failed");
}

TEST(BugDeathTest, ends_a_debug_build_and_is_counted_in_release) {
#ifdef NDEBUG
  const unsigned long before = bug_count();
  BUG("request {} ended twice", 3);
  EXPECT_EQ(bug_count(), before + 1);
#else
  EXPECT_DEATH(BUG("request {} ended twice", 3), "request 3 ended twice");
#endif
}

}  // namespace
}  // namespace penstock
