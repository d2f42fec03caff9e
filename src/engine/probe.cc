#include "engine/probe.h"

#include "base/check.h"
#include "metrics/bounds.h"

namespace penstock::engine {
namespace {

double seconds(Duration d) noexcept {
  return static_cast<double>(d.count()) * 1e-9;
}

// Makes the engine's families: the common labels, then those of the family.
class Maker final {
 public:
  Maker(metrics::Registry& registry, const ProbeLabels& labels)
      : registry_(registry), labels_(labels), rank_(std::to_string(labels.dp_rank)) {}

  metrics::Counter counter(std::string_view name, std::string help, std::string_view label = {},
                           std::string_view value = {}) const {
    return registry_
        .counters({.name = full(name), .help = std::move(help), .label_names = names(label)})
        .with(values(label, value));
  }
  metrics::Gauge gauge(std::string_view name, std::string help, std::string_view label = {},
                       std::string_view value = {}) const {
    return registry_
        .gauges({.name = full(name), .help = std::move(help), .label_names = names(label)})
        .with(values(label, value));
  }
  metrics::Histogram histogram(std::string_view name, std::string help, metrics::LogBounds bounds,
                               std::string_view label = {}, std::string_view value = {}) const {
    auto limits = metrics::log_bounds(bounds);
    CHECK(limits.has_value());
    return registry_
        .histograms({.name = full(name),
                     .help = std::move(help),
                     .label_names = names(label),
                     .bounds = std::move(*limits)})
        .with(values(label, value));
  }

 private:
  std::string full(std::string_view name) const { return format("{}_{}", labels_.prefix, name); }
  static std::vector<std::string> names(std::string_view label) {
    std::vector<std::string> all = {"namespace", "component", "endpoint", "model", "dp_rank"};
    if (!label.empty()) all.emplace_back(label);
    return all;
  }
  std::vector<std::string_view> values(std::string_view label, std::string_view value) const {
    std::vector<std::string_view> all = {labels_.name_space, labels_.component, labels_.endpoint,
                                         labels_.model, rank_};
    if (!label.empty()) all.push_back(value);
    return all;
  }

  metrics::Registry& registry_;
  const ProbeLabels& labels_;
  std::string rank_;
};

bool is_failure(FinishReason reason) noexcept {
  return reason == FinishReason::kInvalid || reason == FinishReason::kKvCapacity ||
         reason == FinishReason::kOverloaded || reason == FinishReason::kDraining ||
         reason == FinishReason::kInternal;
}

}  // namespace

std::string_view to_string(StepPhase phase) noexcept {
  constexpr std::string_view kNames[] = {"collect", "schedule", "prepare", "forward",
                                         "sample",  "commit",   "publish"};
  return kNames[static_cast<std::size_t>(phase)];
}

EngineProbe::EngineProbe(metrics::Registry& registry, const ProbeLabels& labels) {
  const Maker make(registry, labels);
  for (std::size_t i = 0; i < kNumStepPhases; ++i) {
    step_seconds_[i] = make.histogram("step_seconds", "Time of each phase of an engine step.",
                                      {.min = 1e-6, .max = 30, .count = 16}, "phase",
                                      to_string(static_cast<StepPhase>(i)));
  }
  constexpr const char* kTokensHelp = "Tokens computed, by kind.";
  prefill_tokens_ = make.counter("step_tokens_total", kTokensHelp, "kind", "prefill");
  decode_tokens_ = make.counter("step_tokens_total", kTokensHelp, "kind", "decode");
  inflight_ = make.gauge("inflight_requests", "Requests the engine holds.");
  total_blocks_ = make.gauge("total_blocks", "KV blocks in the pool.");
  usage_ = make.gauge("gpu_cache_usage_percent", "Share of KV blocks in use, 0 to 1.");
  constexpr const char* kBlocksHelp = "KV blocks by state.";
  active_blocks_ = make.gauge("kv_blocks", kBlocksHelp, "state", "active");
  cached_blocks_ = make.gauge("kv_blocks", kBlocksHelp, "state", "cached");
  free_blocks_ = make.gauge("kv_blocks", kBlocksHelp, "state", "free");
  queried_tokens_ = make.counter("prefix_cache_query_tokens_total",
                                 "Tokens of starting sequences, looked up in the prefix cache.");
  hit_tokens_ =
      make.counter("prefix_cache_hit_tokens_total",
                   "Of these, tokens that were found and not computed.", "tier", "device");
  evicted_blocks_ =
      make.counter("evicted_blocks_total", "Cached blocks given up.", "tier", "device");
  constexpr std::string_view kEventTypes[] = {"stored", "removed", "cleared"};
  for (std::size_t i = 0; i < kv_events_.size(); ++i) {
    kv_events_[i] =
        make.counter("kv_events_published_total", "KV events made.", "type", kEventTypes[i]);
  }
  preemptions_ = make.counter("preemptions_total", "Sequences that gave their blocks back.");
  requests_ = make.counter("requests_total", "Choices that ended.");
  errors_ = make.counter("errors_total", "Choices that ended by an error.", "error_type", "engine");
  cancel_latency_ =
      make.histogram("cancel_latency_seconds", "From a cancel's arrival to its blocks being free.",
                     {.min = 1e-5, .max = 30, .count = 14});
  queue_seconds_ = make.histogram("queue_seconds", "From arrival to the first planned token.",
                                  {.min = 1e-4, .max = 480, .count = 16});
  first_response_ =
      make.histogram("time_to_first_response_seconds", "From arrival to the first token.",
                     {.min = 1e-3, .max = 480, .count = 18});
  duration_ = make.histogram("request_duration_seconds", "From arrival to the end of a choice.",
                             {.min = 1e-3, .max = 512, .count = 14});
}

void EngineProbe::phase_done(StepPhase phase, Duration elapsed) const noexcept {
  step_seconds_[static_cast<std::size_t>(phase)].observe(seconds(elapsed));
}

void EngineProbe::step_done(std::uint32_t num_prefill_tokens,
                            std::uint32_t num_decode_tokens) const noexcept {
  prefill_tokens_.add(num_prefill_tokens);
  decode_tokens_.add(num_decode_tokens);
}

void EngineProbe::load_is(const EngineLoad& load, std::size_t num_requests) const noexcept {
  const auto total = static_cast<double>(load.kv_blocks_total);
  const auto active = static_cast<double>(load.kv_blocks_active);
  inflight_.set(static_cast<double>(num_requests));
  total_blocks_.set(total);
  active_blocks_.set(active);
  const auto cached = static_cast<double>(load.kv_blocks_cached);
  cached_blocks_.set(cached);
  free_blocks_.set(total - active - cached);
  usage_.set(total > 0 ? active / total : 0);
}

void EngineProbe::preempted(std::uint64_t num_sequences) const noexcept {
  preemptions_.add(static_cast<double>(num_sequences));
}

void EngineProbe::prefix_queried(std::uint32_t num_tokens,
                                 std::uint32_t num_hit_tokens) const noexcept {
  queried_tokens_.add(num_tokens);
  hit_tokens_.add(num_hit_tokens);
}

void EngineProbe::blocks_evicted(std::uint64_t num_blocks) const noexcept {
  evicted_blocks_.add(static_cast<double>(num_blocks));
}

void EngineProbe::kv_events_made(std::span<const kv::KvEvent> events) const noexcept {
  for (const kv::KvEvent& event : events) kv_events_[event.index()].add();
}

void EngineProbe::cancelled(Duration since_asked) const noexcept {
  cancel_latency_.observe(seconds(since_asked));
}

void EngineProbe::first_token(Duration queued, Duration since_arrival) const noexcept {
  queue_seconds_.observe(seconds(queued));
  first_response_.observe(seconds(since_arrival));
}

void EngineProbe::choice_finished(FinishReason reason, Duration since_arrival) const noexcept {
  requests_.add();
  duration_.observe(seconds(since_arrival));
  if (is_failure(reason)) errors_.add();
}

}  // namespace penstock::engine
