#include "metrics/scope.h"

#include <gtest/gtest.h>

namespace penstock::metrics {
namespace {

TEST(Scope, every_series_carries_the_prefix_and_the_common_labels) {
  Registry registry;
  const Scope scope(registry, "pen", {{"model", "m"}, {"rank", "0"}});
  scope.gauge("uptime_seconds", "Uptime.").set(3);
  scope.counter("steps_total", "Steps.", {"kind", "prefill"}).add(2);
  scope.counter("steps_total", "Steps.", {"kind", "decode"}).add(1);
  scope.histogram("wait_seconds", "Waits.", {.min = 1, .max = 10, .count = 2}).observe(2);
  EXPECT_EQ(registry.text(),
            "# HELP pen_steps_total Steps.\n"
            "# TYPE pen_steps_total counter\n"
            "pen_steps_total{kind=\"decode\",model=\"m\",rank=\"0\"} 1\n"
            "pen_steps_total{kind=\"prefill\",model=\"m\",rank=\"0\"} 2\n"
            "# HELP pen_uptime_seconds Uptime.\n"
            "# TYPE pen_uptime_seconds gauge\n"
            "pen_uptime_seconds{model=\"m\",rank=\"0\"} 3\n"
            "# HELP pen_wait_seconds Waits.\n"
            "# TYPE pen_wait_seconds histogram\n"
            "pen_wait_seconds_count{model=\"m\",rank=\"0\"} 1\n"
            "pen_wait_seconds_sum{model=\"m\",rank=\"0\"} 2\n"
            "pen_wait_seconds_bucket{model=\"m\",rank=\"0\",le=\"0\"} 0\n"
            "pen_wait_seconds_bucket{model=\"m\",rank=\"0\",le=\"1\"} 0\n"
            "pen_wait_seconds_bucket{model=\"m\",rank=\"0\",le=\"10\"} 1\n"
            "pen_wait_seconds_bucket{model=\"m\",rank=\"0\",le=\"+Inf\"} 1\n");
}

TEST(Scope, the_same_name_and_label_are_the_same_series) {
  Registry registry;
  const Scope scope(registry, "pen", {});
  scope.counter("errors_total", "Errors.", {"type", "a"}).add();
  EXPECT_EQ(scope.counter("errors_total", "Errors.", {"type", "a"}).value(), 1);
}

}  // namespace
}  // namespace penstock::metrics
