// The engine's metrics, as verbs. Threading: bumped by the engine thread, read by any.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "engine/request.h"
#include "engine/step_phase.h"
#include "metrics/registry.h"
#include "metrics/scope.h"

namespace penstock::engine {

// What every series of a worker carries.
struct ProbeLabels {
  std::string prefix = "penstock_worker";
  std::string name_space = "penstock";
  std::string component = "backend";
  std::string endpoint = "generate";
  std::string model;
  std::uint32_t dp_rank = 0;

  [[nodiscard]] metrics::Scope scope(metrics::Registry& registry) const;
};

class EngineProbe final {
 public:
  EngineProbe() = default;  // counts nothing
  explicit EngineProbe(const metrics::Scope& scope);

  void phase_done(StepPhase phase, Duration elapsed) const noexcept;
  void step_done(std::uint32_t num_prefill_tokens, std::uint32_t num_decode_tokens) const noexcept;
  void load_is(const EngineLoad& load, std::size_t num_requests) const noexcept;
  void preempted(std::uint64_t num_sequences) const noexcept;
  void prefix_queried(std::uint32_t num_tokens, std::uint32_t num_hit_tokens) const noexcept;
  void blocks_evicted(std::uint64_t num_blocks) const noexcept;
  void kv_events_made(std::span<const kv::KvEvent> events) const noexcept;
  void cancelled(Duration since_asked) const noexcept;
  // Of a choice, and of a request.
  void first_token(Duration queued) const noexcept;
  void first_response(Duration since_arrival) const noexcept;
  void request_finished(FinishReason reason, Duration since_arrival) const noexcept;

 private:
  std::array<metrics::Histogram, kNumStepPhases> step_seconds_;
  metrics::Histogram prefill_tokens_;
  metrics::Histogram decode_tokens_;
  metrics::Gauge inflight_;
  metrics::Gauge total_blocks_;
  metrics::Gauge usage_;
  metrics::Gauge active_blocks_;
  metrics::Gauge cached_blocks_;
  metrics::Gauge free_blocks_;
  metrics::Counter queried_tokens_;
  metrics::Counter hit_tokens_;
  metrics::Counter evicted_blocks_;
  std::array<metrics::Counter, std::variant_size_v<kv::KvEvent>> kv_events_;
  metrics::Counter preemptions_;
  metrics::Counter requests_;
  std::array<metrics::Counter, kNumFinishReasons> errors_;  // of the failures
  metrics::Histogram cancel_latency_;
  metrics::Histogram queue_seconds_;
  metrics::Histogram first_response_;
  metrics::Histogram duration_;
};

}  // namespace penstock::engine
