#include "frontend/metrics_buckets.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "metrics/bounds.h"

namespace penstock::frontend {
namespace {

// Those with log-spaced bounds.
constexpr std::array<std::string_view, 8> kNames = {
    "cached_tokens",          "event_loop_delay_seconds",
    "input_sequence_tokens",  "inter_token_latency_seconds",
    "output_sequence_tokens", "request_duration_seconds",
    "stage_duration_seconds", "time_to_first_token_seconds"};

std::string known_names() {
  std::string names;
  for (const std::string_view name : kNames) {
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number number{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<metrics::LogBounds> parse_bounds(std::string_view text) {
  const std::size_t first = text.find(',');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find(',', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto min = parse<double>(text.substr(0, first));
  const auto max = parse<double>(text.substr(first + 1, second - first - 1));
  const auto count = parse<int>(text.substr(second + 1));
  if (!min || !max || !count) return std::nullopt;
  return metrics::LogBounds{*min, *max, *count};
}

}  // namespace

Result<MetricsBuckets> parse_metrics_buckets(std::span<const std::string> settings) {
  MetricsBuckets buckets;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    const auto bounds = equals == std::string::npos
                            ? std::nullopt
                            : parse_bounds(std::string_view(setting).substr(equals + 1));
    if (!bounds) {
      return make_error(ErrorCode::kInvalid,
                        "--metrics-buckets {} must have the form NAME=MIN,MAX,COUNT, as in "
                        "request_duration_seconds=1,512,10",
                        setting);
    }
    if (std::ranges::find(kNames, name) == kNames.end()) {
      return make_error(ErrorCode::kInvalid,
                        "--metrics-buckets {}: no histogram has this name; these have bounds: {}",
                        setting, known_names());
    }
    auto made = metrics::log_bounds(*bounds);
    if (!made) {
      return std::unexpected(
          std::move(made).error().with_context(format("--metrics-buckets {}", setting)));
    }
    if (!buckets.emplace(name, std::move(*made)).second) {
      return make_error(ErrorCode::kInvalid, "--metrics-buckets gives {} twice; leave one out",
                        name);
    }
  }
  return buckets;
}

}  // namespace penstock::frontend
