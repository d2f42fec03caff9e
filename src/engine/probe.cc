#include "engine/probe.h"

namespace penstock::engine {
namespace {

double seconds(Duration d) noexcept {
  return static_cast<double>(d.count()) * 1e-9;
}

}  // namespace

metrics::Scope ProbeLabels::scope(metrics::Registry& registry) const {
  return {registry,
          prefix,
          {{"namespace", name_space},
           {"component", component},
           {"endpoint", endpoint},
           {"model", model},
           {"dp_rank", std::to_string(dp_rank)}}};
}

EngineProbe::EngineProbe(const metrics::Scope& make) {
  for (std::size_t i = 0; i < kNumStepPhases; ++i) {
    const std::string phase(to_string(static_cast<StepPhase>(i)));
    step_seconds_[i] = make.histogram("step_seconds", "Time of each phase of an engine step.",
                                      {.min = 1e-6, .max = 30, .count = 16}, {"phase", phase});
  }
  constexpr metrics::LogBounds kTokenBounds = {.min = 1, .max = 8192, .count = 14};
  constexpr const char* kTokensHelp = "Tokens a step computed, by kind.";
  prefill_tokens_ = make.histogram("step_tokens", kTokensHelp, kTokenBounds, {"kind", "prefill"});
  decode_tokens_ = make.histogram("step_tokens", kTokensHelp, kTokenBounds, {"kind", "decode"});
  inflight_ = make.gauge("inflight_requests", "Requests the engine holds.");
  total_blocks_ = make.gauge("total_blocks", "KV blocks in the pool.");
  usage_ = make.gauge("gpu_cache_usage_percent", "Share of KV blocks in use, 0 to 1.");
  constexpr const char* kBlocksHelp = "KV blocks by state.";
  active_blocks_ = make.gauge("kv_blocks", kBlocksHelp, {"state", "active"});
  cached_blocks_ = make.gauge("kv_blocks", kBlocksHelp, {"state", "cached"});
  free_blocks_ = make.gauge("kv_blocks", kBlocksHelp, {"state", "free"});
  queried_tokens_ = make.counter("prefix_cache_query_tokens_total",
                                 "Tokens of starting sequences, looked up in the prefix cache.");
  hit_tokens_ =
      make.counter("prefix_cache_hit_tokens_total",
                   "Of these, tokens that were found and not computed.", {"tier", "device"});
  evicted_blocks_ =
      make.counter("evicted_blocks_total", "Cached blocks given up.", {"tier", "device"});
  constexpr const char* kEventTypes[] = {"stored", "removed", "cleared"};
  for (std::size_t i = 0; i < kv_events_.size(); ++i) {
    kv_events_[i] =
        make.counter("kv_events_published_total", "KV events made.", {"type", kEventTypes[i]});
  }
  preemptions_ = make.counter("preemptions_total", "Sequences that gave their blocks back.");
  requests_ = make.counter("requests_total", "Requests that ended.");
  for (std::size_t i = 0; i < kNumFinishReasons; ++i) {
    const auto reason = static_cast<FinishReason>(i);
    if (!is_failure(reason)) continue;
    errors_[i] = make.counter("errors_total", "Requests that ended by an error.",
                              {"error_type", std::string(to_string(reason))});
  }
  cancel_latency_ =
      make.histogram("cancel_latency_seconds", "From a cancel's arrival to its blocks being free.",
                     {.min = 1e-5, .max = 30, .count = 14});
  queue_seconds_ = make.histogram("queue_seconds", "From a choice's arrival to its first step.",
                                  {.min = 1e-4, .max = 480, .count = 16});
  first_response_ = make.histogram("time_to_first_response_seconds",
                                   "From a request's arrival to its first token.",
                                   {.min = 1e-3, .max = 480, .count = 18});
  duration_ = make.histogram("request_duration_seconds", "From a request's arrival to its end.",
                             {.min = 1e-3, .max = 512, .count = 14});
}

void EngineProbe::phase_done(StepPhase phase, Duration elapsed) const noexcept {
  step_seconds_[static_cast<std::size_t>(phase)].observe(seconds(elapsed));
}

void EngineProbe::step_done(std::uint32_t num_prefill_tokens,
                            std::uint32_t num_decode_tokens) const noexcept {
  prefill_tokens_.observe(num_prefill_tokens);
  decode_tokens_.observe(num_decode_tokens);
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

void EngineProbe::first_token(Duration queued) const noexcept {
  queue_seconds_.observe(seconds(queued));
}

void EngineProbe::first_response(Duration since_arrival) const noexcept {
  first_response_.observe(seconds(since_arrival));
}

void EngineProbe::request_finished(FinishReason reason, Duration since_arrival) const noexcept {
  requests_.add();
  duration_.observe(seconds(since_arrival));
  if (is_failure(reason)) errors_[static_cast<std::size_t>(reason)].add();
}

}  // namespace penstock::engine
