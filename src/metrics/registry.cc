#include "metrics/registry.h"

#include <prometheus/check_names.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <map>
#include <sstream>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/mutex.h"

namespace penstock::metrics {
namespace {

using CounterFamily = prometheus::Family<prometheus::Counter>;
using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using HistogramFamily = prometheus::Family<prometheus::Histogram>;

// The library's type for each handle type of ours.
template <class Metric>
struct Library;
template <>
struct Library<Counter> {
  using Series = prometheus::Counter;
};
template <>
struct Library<Gauge> {
  using Series = prometheus::Gauge;
};
template <>
struct Library<Histogram> {
  using Series = prometheus::Histogram;
};

// The library keeps series in hash order; readers and tests want them in a fixed one.
void sort_series(prometheus::MetricFamily& family) {
  const auto key = [](const prometheus::ClientMetric& metric) {
    std::vector<std::pair<std::string, std::string>> labels;
    labels.reserve(metric.label.size());
    for (const auto& label : metric.label) labels.emplace_back(label.name, label.value);
    return labels;
  };
  std::ranges::sort(family.metric, {}, key);
}

}  // namespace

namespace internal {

struct Family {
  std::variant<CounterFamily, GaugeFamily, HistogramFamily> series;
  std::vector<std::string> label_names;
  std::vector<double> bounds;  // histograms only
};

}  // namespace internal

void Counter::add(double amount) const noexcept {
  if (series_ != nullptr) static_cast<prometheus::Counter*>(series_)->Increment(amount);
}

double Counter::value() const noexcept {
  return series_ == nullptr ? 0 : static_cast<prometheus::Counter*>(series_)->Value();
}

void Gauge::set(double value) const noexcept {
  if (series_ != nullptr) static_cast<prometheus::Gauge*>(series_)->Set(value);
}

void Gauge::add(double amount) const noexcept {
  if (series_ != nullptr) static_cast<prometheus::Gauge*>(series_)->Increment(amount);
}

void Gauge::subtract(double amount) const noexcept {
  if (series_ != nullptr) static_cast<prometheus::Gauge*>(series_)->Decrement(amount);
}

double Gauge::value() const noexcept {
  return series_ == nullptr ? 0 : static_cast<prometheus::Gauge*>(series_)->Value();
}

void Histogram::observe(double value) const noexcept {
  if (series_ != nullptr) static_cast<prometheus::Histogram*>(series_)->Observe(value);
}

void Histogram::observe(double value, std::uint32_t count) const noexcept {
  for (std::uint32_t i = 0; i < count; ++i) observe(value);
}

template <class Metric>
Metric Family<Metric>::with(const std::vector<std::string_view>& label_values) const {
  if (family_ == nullptr) return Metric();
  using Series = typename Library<Metric>::Series;
  auto& series = std::get<prometheus::Family<Series>>(family_->series);
  CHECK(label_values.size() == family_->label_names.size(),
        "{} has {} labels; {} values were given", series.GetName(), family_->label_names.size(),
        label_values.size());
  prometheus::Labels labels;
  for (std::size_t i = 0; i < label_values.size(); ++i) {
    labels.emplace(family_->label_names[i], label_values[i]);
  }
  if constexpr (std::is_same_v<Metric, Histogram>) {
    return Metric(&series.Add(labels, family_->bounds));
  } else {
    return Metric(&series.Add(labels));
  }
}

template <class Metric>
void Family<Metric>::remove(Metric metric) const {
  if (family_ == nullptr || metric.series_ == nullptr) return;
  using Series = typename Library<Metric>::Series;
  auto& series = std::get<prometheus::Family<Series>>(family_->series);
  series.Remove(static_cast<Series*>(metric.series_));
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

struct Registry::Impl {
  Mutex mutex;
  std::map<std::string, std::unique_ptr<internal::Family>> families GUARDED_BY(mutex);

  template <class LibraryFamily>
  internal::Family* find_or_make(const HistogramSpec& spec);
};

template <class LibraryFamily>
internal::Family* Registry::Impl::find_or_make(const HistogramSpec& spec) {
  CHECK(prometheus::CheckMetricName(spec.name), "'{}' is no metric name", spec.name);
  for (const std::string& label : spec.label_names) {
    CHECK(prometheus::CheckLabelName(label), "'{}' is no label name ({})", label, spec.name);
  }
  CHECK(std::ranges::is_sorted(spec.bounds, std::less_equal<>()), "bounds of {} must ascend",
        spec.name);
  const MutexLock lock(mutex);
  std::unique_ptr<internal::Family>& family = families[spec.name];
  if (family == nullptr) {
    family.reset(new internal::Family{
        .series = decltype(internal::Family::series)(std::in_place_type<LibraryFamily>, spec.name,
                                                     spec.help, prometheus::Labels{}),
        .label_names = spec.label_names,
        .bounds = spec.bounds});
  }
  CHECK(std::holds_alternative<LibraryFamily>(family->series) &&
            family->label_names == spec.label_names && family->bounds == spec.bounds,
        "{} was declared before with another type, labels or bounds", spec.name);
  return family.get();
}

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Family<Counter> Registry::counters(const MetricSpec& spec) {
  return Family<Counter>(
      impl_->find_or_make<CounterFamily>({spec.name, spec.help, spec.label_names, {}}));
}

Family<Gauge> Registry::gauges(const MetricSpec& spec) {
  return Family<Gauge>(
      impl_->find_or_make<GaugeFamily>({spec.name, spec.help, spec.label_names, {}}));
}

Family<Histogram> Registry::histograms(const HistogramSpec& spec) {
  return Family<Histogram>(impl_->find_or_make<HistogramFamily>(spec));
}

std::string Registry::text() const {
  std::vector<prometheus::MetricFamily> collected;
  {
    const MutexLock lock(impl_->mutex);
    for (const auto& [name, family] : impl_->families) {
      auto part = std::visit([](const auto& series) { return series.Collect(); }, family->series);
      collected.insert(collected.end(), std::make_move_iterator(part.begin()),
                       std::make_move_iterator(part.end()));
    }
  }
  for (prometheus::MetricFamily& family : collected) sort_series(family);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, collected);
  return std::move(out).str();
}

}  // namespace penstock::metrics
