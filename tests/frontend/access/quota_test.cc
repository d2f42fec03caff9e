#include "frontend/access/quota.h"

#include <gtest/gtest.h>

namespace penstock::frontend {
namespace {

using std::chrono::seconds;

class Quota : public ::testing::Test {
 protected:
  void limit(TenantLimits limits) { quota.set_limits(limits, now); }
  std::string begin() { return text_of(quota.begin(now)); }
  std::string reserve(std::uint64_t tokens) { return text_of(quota.reserve(tokens, now)); }
  void end(std::uint64_t reserved, std::uint64_t used) { quota.end(reserved, used, now); }
  void pass(Duration time) { now = now + time; }

  static std::string text_of(const std::optional<QuotaRefusal>& refusal) {
    if (!refusal) return "granted";
    constexpr const char* kNames[] = {"concurrent", "requests", "tokens"};
    return std::string(kNames[static_cast<int>(refusal->rule)]) + " " +
           std::to_string(refusal->limit) + " wait " + std::to_string(refusal->wait / seconds(1));
  }

  TenantQuota quota;
  MonotonicTime now{5'000'000'000};
};

TEST_F(Quota, without_limits_everything_is_granted) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(begin(), "granted");
    ASSERT_EQ(reserve(1'000'000'000), "granted");
  }
  EXPECT_EQ(quota.num_running(), 1000U);
}

TEST_F(Quota, a_place_is_free_when_its_request_ends) {
  limit({.max_concurrent = 2});
  EXPECT_EQ(begin(), "granted");
  EXPECT_EQ(begin(), "granted");
  EXPECT_EQ(begin(), "concurrent 2 wait 1");
  end(0, 0);
  EXPECT_EQ(begin(), "granted");
}

TEST_F(Quota, requests_come_back_at_their_pace) {
  limit({.requests_per_minute = 2});
  EXPECT_EQ(begin(), "granted");
  EXPECT_EQ(begin(), "granted");
  EXPECT_EQ(begin(), "requests 2 wait 30");
  pass(seconds(29));
  EXPECT_EQ(begin(), "requests 2 wait 1");
  pass(seconds(1));
  EXPECT_EQ(begin(), "granted");
}

TEST_F(Quota, a_reservation_becomes_what_was_used) {
  limit({.tokens_per_minute = 600});
  ASSERT_EQ(begin(), "granted");
  EXPECT_EQ(reserve(600), "granted");
  EXPECT_EQ(begin(), "tokens 600 wait 0") << "nothing is left, a tenth of a second brings one";
  end(600, 100);
  ASSERT_EQ(begin(), "granted");
  EXPECT_EQ(reserve(500), "granted");
  end(500, 700);  // more than was thought
  EXPECT_EQ(begin(), "tokens 600 wait 20") << "200 of debt drain before the next token";
}

TEST_F(Quota, what_is_refused_costs_nothing) {
  limit({.max_concurrent = 3, .requests_per_minute = 2, .tokens_per_minute = 60});
  ASSERT_EQ(begin(), "granted");
  ASSERT_EQ(reserve(50), "granted");
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(begin(), "granted") << "the refused reservation gave the request back";
    ASSERT_EQ(reserve(50), "tokens 60 wait 40");
    end(0, 0);
  }
  EXPECT_EQ(quota.num_running(), 1U);
}

TEST_F(Quota, a_request_larger_than_the_limit_waits_for_a_full_minute) {
  limit({.tokens_per_minute = 60});
  ASSERT_EQ(begin(), "granted");
  EXPECT_EQ(reserve(1), "granted");
  ASSERT_EQ(begin(), "granted");
  EXPECT_EQ(reserve(4000), "tokens 60 wait 1");
  end(0, 0);
  pass(seconds(1));
  ASSERT_EQ(begin(), "granted");
  EXPECT_EQ(reserve(4000), "granted");
  end(4000, 120);
  EXPECT_EQ(begin(), "tokens 60 wait 61");
}

TEST_F(Quota, a_reload_changes_limits_and_keeps_counters) {
  limit({.max_concurrent = 1, .requests_per_minute = 10});
  ASSERT_EQ(begin(), "granted");
  limit({.max_concurrent = 1, .requests_per_minute = 10});
  EXPECT_EQ(begin(), "concurrent 1 wait 1");
  limit({.requests_per_minute = 1});
  EXPECT_EQ(begin(), "requests 1 wait 60") << "one was taken of a bucket that now holds one";
  limit({.tokens_per_minute = 5});
  EXPECT_EQ(begin(), "granted");
  end(0, 65);
  EXPECT_EQ(begin(), "tokens 5 wait 732") << "what began before a limit counts when it ends";
}

}  // namespace
}  // namespace penstock::frontend
