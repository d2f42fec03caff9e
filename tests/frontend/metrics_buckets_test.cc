#include "frontend/metrics_buckets.h"

#include <gtest/gtest.h>

#include <vector>

namespace penstock::frontend {
namespace {

std::string error_of(std::vector<std::string> settings) {
  const auto buckets = parse_metrics_buckets(settings);
  return buckets ? "" : std::string(buckets.error().message());
}

TEST(MetricsBuckets, three_numbers_become_log_spaced_bounds) {
  const std::vector<std::string> settings = {"request_duration_seconds=1,100,3"};
  const auto buckets = parse_metrics_buckets(settings);
  ASSERT_TRUE(buckets.has_value());
  EXPECT_EQ(buckets->at("request_duration_seconds"), (std::vector<double>{0, 1, 10, 100}));
}

TEST(MetricsBuckets, whatever_else_is_given_is_named_with_the_form_it_should_have) {
  for (const char* setting :
       {"", "=", "request_duration_seconds",
        "request_duration_seconds=", "request_duration_seconds=1,2",
        "request_duration_seconds=a,2,3", "request_duration_seconds=1,2,3,4",
        "request_duration_seconds=1,2,3.5", "request_duration_seconds=1,2,99999999999"}) {
    const std::string error = error_of({setting});
    EXPECT_NE(error.find("NAME=MIN,MAX,COUNT"), std::string::npos) << setting << ": " << error;
  }
  EXPECT_NE(error_of({"no_such_thing=1,2,3"}).find("request_duration_seconds"), std::string::npos);
  EXPECT_NE(error_of({"request_duration_seconds=2,1,3"}).find("request_duration_seconds=2,1,3"),
            std::string::npos);
  EXPECT_NE(error_of({"cached_tokens=1,2,3", "cached_tokens=1,2,4"}).find("twice"),
            std::string::npos);
}

}  // namespace
}  // namespace penstock::frontend
