#include "engine/probe.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace penstock::engine {
namespace {

TEST(EngineProbe, has_the_names_types_and_labels_that_dashboards_ask_for) {
  metrics::Registry registry;
  const EngineProbe probe(ProbeLabels{.model = "m"}.scope(registry));
  std::map<std::string, std::string> types;
  std::istringstream lines(registry.text());
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash;
    std::string keyword;
    std::string name;
    std::string type;
    words >> hash >> keyword >> name >> type;
    if (keyword == "TYPE") types[name.substr(std::string("penstock_worker_").size())] = type;
  }
  EXPECT_EQ(types, (std::map<std::string, std::string>{
                       {"requests_total", "counter"},
                       {"errors_total", "counter"},
                       {"inflight_requests", "gauge"},
                       {"total_blocks", "gauge"},
                       {"gpu_cache_usage_percent", "gauge"},
                       {"kv_blocks", "gauge"},
                       {"request_duration_seconds", "histogram"},
                       {"time_to_first_response_seconds", "histogram"},
                       {"queue_seconds", "histogram"},
                       {"step_seconds", "histogram"},
                       {"step_tokens", "histogram"},
                       {"cancel_latency_seconds", "histogram"},
                       {"preemptions_total", "counter"},
                       {"prefix_cache_hit_tokens_total", "counter"},
                       {"prefix_cache_query_tokens_total", "counter"},
                       {"evicted_blocks_total", "counter"},
                       {"kv_events_published_total", "counter"},
                   }));
  EXPECT_TRUE(registry.text().contains(
      R"(kv_blocks{component="backend",dp_rank="0",endpoint="generate",model="m",namespace="penstock",state="cached"})"))
      << registry.text();
}

TEST(EngineProbe, counts_a_failure_by_its_type_and_a_cancel_not_at_all) {
  metrics::Registry registry;
  const metrics::Scope scope = ProbeLabels{.model = "m"}.scope(registry);
  const EngineProbe probe(scope);
  probe.request_finished(FinishReason::kLength, {});
  probe.request_finished(FinishReason::kCancelled, {});
  probe.request_finished(FinishReason::kKvCapacity, {});
  EXPECT_EQ(scope.counter("requests_total", "").value(), 3);
  double errors = 0;
  for (const char* type : {"invalid", "kv_capacity", "overloaded", "draining", "internal"}) {
    errors += scope.counter("errors_total", "", {"error_type", type}).value();
  }
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(scope.counter("errors_total", "", {"error_type", "kv_capacity"}).value(), 1);
}

}  // namespace
}  // namespace penstock::engine
