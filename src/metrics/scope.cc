#include "metrics/scope.h"

#include <utility>

#include "base/check.h"

namespace penstock::metrics {

MetricSpec Scope::spec(std::string_view name, std::string help, const Label& label) const {
  MetricSpec spec{.name = format("{}_{}", prefix_, name), .help = std::move(help)};
  for (const Label& common : labels_) spec.label_names.push_back(common.name);
  if (!label.name.empty()) spec.label_names.push_back(label.name);
  return spec;
}

std::vector<std::string_view> Scope::values(const Label& label) const {
  std::vector<std::string_view> values;
  for (const Label& common : labels_) values.emplace_back(common.value);
  if (!label.name.empty()) values.emplace_back(label.value);
  return values;
}

Counter Scope::counter(std::string_view name, std::string help, const Label& label) const {
  return registry_.counters(spec(name, std::move(help), label)).with(values(label));
}

Gauge Scope::gauge(std::string_view name, std::string help, const Label& label) const {
  return registry_.gauges(spec(name, std::move(help), label)).with(values(label));
}

Histogram Scope::histogram(std::string_view name, std::string help, LogBounds bounds,
                           const Label& label) const {
  auto limits = log_bounds(bounds);
  CHECK(limits.has_value(), "bounds of {}: {}", name, limits.error().message());
  MetricSpec common = spec(name, std::move(help), label);
  return registry_
      .histograms({.name = std::move(common.name),
                   .help = std::move(common.help),
                   .label_names = std::move(common.label_names),
                   .bounds = std::move(*limits)})
      .with(values(label));
}

}  // namespace penstock::metrics
