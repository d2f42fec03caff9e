// The metrics of one part of the system: one name prefix, and labels that every series carries.
//
//   const Scope scope(registry, "penstock_worker", {{"model", "smollm2"}});
//   probe.evicted = scope.counter("evicted_blocks_total", "Cached blocks given up.", {"tier",
//   "disk"});
//
// Threading: start-up; the handles are as those of the registry.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metrics/bounds.h"
#include "metrics/registry.h"

namespace penstock::metrics {

struct Label {
  std::string name;
  std::string value;
};

class Scope final {
 public:
  // `registry` outlives the scope and its handles.
  Scope(Registry& registry, std::string prefix, std::vector<Label> labels)
      : registry_(registry), prefix_(std::move(prefix)), labels_(std::move(labels)) {}

  // The series `prefix_name` with the scope's labels, and one of its own behind them. Asking again
  // gives the same series.
  [[nodiscard]] Counter counter(std::string_view name, std::string help,
                                const Label& label = {}) const;
  [[nodiscard]] Gauge gauge(std::string_view name, std::string help, const Label& label = {}) const;
  // Bounds that break a rule of log_bounds() are a bug.
  [[nodiscard]] Histogram histogram(std::string_view name, std::string help, LogBounds bounds,
                                    const Label& label = {}) const;

 private:
  [[nodiscard]] MetricSpec spec(std::string_view name, std::string help, const Label& label) const;
  [[nodiscard]] std::vector<std::string_view> values(const Label& label) const;

  Registry& registry_;
  std::string prefix_;
  std::vector<Label> labels_;
};

}  // namespace penstock::metrics
