#include "metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/thread.h"

namespace penstock::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Registry, shows_families_by_name_and_series_by_label_value) {
  Registry registry;
  auto requests = registry.counters({.name = "penstock_requests_total",
                                     .help = "Requests by outcome.",
                                     .label_names = {"model", "status"}});
  registry.gauges({.name = "penstock_active", .help = "Requests in flight."}).with({}).set(3);
  requests.with({"m", "success"}).add(2);
  requests.with({"m", "error"}).add();
  EXPECT_EQ(registry.text(),
            "# HELP penstock_active Requests in flight.\n"
            "# TYPE penstock_active gauge\n"
            "penstock_active 3\n"
            "# HELP penstock_requests_total Requests by outcome.\n"
            "# TYPE penstock_requests_total counter\n"
            "penstock_requests_total{model=\"m\",status=\"error\"} 1\n"
            "penstock_requests_total{model=\"m\",status=\"success\"} 2\n");
}

TEST(Registry, shows_histograms_as_cumulative_buckets) {
  Registry registry;
  auto gap = registry.histograms({.name = "penstock_gap_seconds",
                                  .help = "Time between tokens.",
                                  .label_names = {},
                                  .bounds = {0, 0.5, 2}});
  gap.with({}).observe(0.25, 2);
  gap.with({}).observe(0.5);
  gap.with({}).observe(100);
  EXPECT_EQ(registry.text(),
            "# HELP penstock_gap_seconds Time between tokens.\n"
            "# TYPE penstock_gap_seconds histogram\n"
            "penstock_gap_seconds_count 4\n"
            "penstock_gap_seconds_sum 101\n"
            "penstock_gap_seconds_bucket{le=\"0\"} 0\n"
            "penstock_gap_seconds_bucket{le=\"0.5\"} 3\n"
            "penstock_gap_seconds_bucket{le=\"2\"} 3\n"
            "penstock_gap_seconds_bucket{le=\"+Inf\"} 4\n");
}

TEST(Registry, escapes_label_values) {
  Registry registry;
  registry.counters({.name = "c_total", .help = "h", .label_names = {"model"}})
      .with({"a\"b\\c\nd"})
      .add();
  EXPECT_THAT(registry.text(), HasSubstr(R"(c_total{model="a\"b\\c\nd"} 1)"));
}

TEST(Registry, gives_the_same_series_for_the_same_declaration) {
  Registry registry;
  const MetricSpec spec = {.name = "c_total", .help = "h", .label_names = {"model"}};
  registry.counters(spec).with({"m"}).add();
  registry.counters(spec).with({"m"}).add();
  EXPECT_EQ(registry.counters(spec).with({"m"}).value(), 2);
}

TEST(Registry, forgets_a_removed_series) {
  Registry registry;
  auto fenced = registry.gauges({.name = "fenced", .help = "h", .label_names = {"worker_id"}});
  fenced.with({"1"}).set(1);
  fenced.with({"2"}).set(1);
  fenced.remove(fenced.with({"1"}));
  EXPECT_THAT(registry.text(), Not(HasSubstr("worker_id=\"1\"")));
  EXPECT_THAT(registry.text(), HasSubstr("fenced{worker_id=\"2\"} 1"));
}

TEST(Counter, never_falls) {
  Registry registry;
  const Counter counter = registry.counters({.name = "c_total", .help = "h"}).with({});
  counter.add(2);
  counter.add(-1);
  EXPECT_EQ(counter.value(), 2);
}

TEST(Gauge, goes_up_and_down) {
  Registry registry;
  const Gauge gauge = registry.gauges({.name = "g", .help = "h"}).with({});
  gauge.add(5);
  gauge.subtract(2);
  EXPECT_EQ(gauge.value(), 3);
}

TEST(Handles, made_without_a_registry_count_nothing) {
  Counter().add();
  Gauge().set(3);
  Histogram().observe(1, 3);
  Family<Counter>().with({"any", "labels"}).add();
  EXPECT_EQ(Counter().value(), 0);
  EXPECT_EQ(Gauge().value(), 0);
}

TEST(Counter, loses_no_increment_of_any_thread) {
  Registry registry;
  auto family = registry.counters({.name = "c_total", .help = "h", .label_names = {"thread"}});
  const Counter shared = family.with({"shared"});
  std::vector<NamedThread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back("count", [&, i] {
      for (int k = 0; k < 1000; ++k) {
        shared.add();
        family.with({std::to_string(i)}).add();
        if (k % 250 == 0) {
          EXPECT_THAT(registry.text(), HasSubstr("# TYPE c_total counter"));
        }
      }
    });
  }
  for (NamedThread& thread : threads) thread.join();
  EXPECT_EQ(shared.value(), 4000);
  EXPECT_EQ(family.with({"3"}).value(), 1000);
}

using RegistryDeathTest = testing::Test;

TEST(RegistryDeathTest, one_name_with_two_shapes_is_a_bug) {
  Registry registry;
  (void)registry.counters({.name = "x", .help = "h", .label_names = {"a"}});
  EXPECT_DEATH((void)registry.gauges({.name = "x", .help = "h", .label_names = {"a"}}),
               "declared before");
  EXPECT_DEATH((void)registry.counters({.name = "x", .help = "h", .label_names = {"b"}}),
               "declared before");
}

TEST(RegistryDeathTest, names_and_label_counts_that_do_not_fit_are_bugs) {
  Registry registry;
  EXPECT_DEATH((void)registry.counters({.name = "no spaces", .help = "h"}), "no metric name");
  EXPECT_DEATH((void)registry.counters({.name = "x", .help = "h", .label_names = {"1"}}),
               "no label name");
  auto family = registry.counters({.name = "y", .help = "h", .label_names = {"a"}});
  EXPECT_DEATH((void)family.with({"1", "2"}), "2 values were given");
}

}  // namespace
}  // namespace penstock::metrics
