// Metrics: counters, gauges and histograms with labels, shown as Prometheus text.
//
//   metrics::Registry registry;
//   auto finished = registry.counters(
//       {.name = "penstock_worker_requests_total", .help = "Requests by outcome.",
//        .label_names = {"model", "status"}});
//   metrics::Counter good = finished.with({"smollm2", "success"});   // once
//   good.add();                                                      // from then on
//
// A room wraps its handles in a probe whose methods are verbs (`probe_.block_evicted()`), made
// from the registry that `apps/` passes to the constructor. There is no global registry.
//
// Families and handles are small values that point into the registry: copy them freely, but not
// beyond its life. A handle made by its default constructor counts nothing, so that a probe
// without a registry (tests, replay) needs no branch.
//
// Threading: everything here may be called from any thread. Bumping a counter or a gauge is one
// atomic update; observe() takes an uncontended lock; with() and text() take locks and allocate.
// Label values come from bounded sets only (known models, enum names), never from a client.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::metrics {

namespace internal {
struct Family;  // one metric name with all its series
}  // namespace internal

// Only grows.
class Counter final {
 public:
  Counter() = default;
  // `amount` is at least 0; anything less is ignored.
  void add(double amount = 1) const noexcept;
  [[nodiscard]] double value() const noexcept;

 private:
  template <class Metric>
  friend class Family;
  explicit Counter(void* series) : series_(series) {}
  void* series_ = nullptr;
};

// Goes up and down.
class Gauge final {
 public:
  Gauge() = default;
  void set(double value) const noexcept;
  void add(double amount = 1) const noexcept;
  void subtract(double amount = 1) const noexcept;
  [[nodiscard]] double value() const noexcept;

 private:
  template <class Metric>
  friend class Family;
  explicit Gauge(void* series) : series_(series) {}
  void* series_ = nullptr;
};

// Counts observations by upper bound, and sums them.
class Histogram final {
 public:
  Histogram() = default;
  void observe(double value) const noexcept;
  // `count` observations of the same value, a small number: a chunk of k tokens is k gaps of
  // gap / k. O(count).
  void observe(double value, std::uint32_t count) const noexcept;

 private:
  template <class Metric>
  friend class Family;
  explicit Histogram(void* series) : series_(series) {}
  void* series_ = nullptr;
};

// All series of one metric name.
template <class Metric>
class Family final {
 public:
  Family() = default;

  // The series with these label values, one per label name and in that order; a bug otherwise.
  // Made at its first use; the same values give the same series.
  [[nodiscard]] Metric with(const std::vector<std::string_view>& label_values) const;

  // Forgets a series (a worker that left). Its handles must not be used any more.
  void remove(Metric metric) const;

 private:
  friend class Registry;
  explicit Family(internal::Family* family) : family_(family) {}
  internal::Family* family_ = nullptr;
};

struct MetricSpec {
  std::string name;  // [a-zA-Z_:][a-zA-Z0-9_:]*, prefix and unit included; counters end in _total
  std::string help;
  std::vector<std::string> label_names = {};
};

struct HistogramSpec {
  std::string name;
  std::string help;
  std::vector<std::string> label_names = {};
  std::vector<double> bounds;  // ascending upper bounds; +Inf is implied. See log_bounds().
};

class Registry final {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Asking twice for one name gives the same family; with another type, other label names or
  // other bounds it is a bug, as is a name or label that Prometheus does not allow.
  [[nodiscard]] Family<Counter> counters(const MetricSpec& spec);
  [[nodiscard]] Family<Gauge> gauges(const MetricSpec& spec);
  [[nodiscard]] Family<Histogram> histograms(const HistogramSpec& spec);

  // The text exposition format, version 0.0.4, families in the order of their names. The content
  // type of an answer with it is kTextContentType.
  [[nodiscard]] std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::string_view kTextContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace penstock::metrics
