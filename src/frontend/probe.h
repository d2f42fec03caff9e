// The frontend's metrics as verbs (names, labels and bounds: http-api, section 16).
//
// Model labels are known models; a request whose model is not known yet or not at all counts as
// `unknown`. Threading: any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "discovery/model_card.h"
#include "frontend/metrics_buckets.h"
#include "metrics/registry.h"
#include "openai/errors.h"
#include "openai/request.h"
#include "openai/usage.h"

namespace penstock::frontend {

struct TokenizerCacheUse;  // preparation.h

enum class Stage : std::uint8_t { kParse, kTemplate, kTokenize, kQueue, kPrefill };
inline constexpr std::size_t kNumStages = 5;

// How a request was asked for; both are labels.
struct RequestKind {
  openai::Api api = openai::Api::kChat;
  bool stream = false;
};

// A model and the worker that serves it.
struct ProbedModel {
  const discovery::ModelCard& card;
  std::uint64_t worker_id = 0;
};

// The handles of one model, looked up once.
struct ModelMeters {
  std::string label;
  metrics::Gauge active;
  metrics::Gauge inflight;
  metrics::Gauge queued;
  metrics::Gauge ready;
  metrics::Histogram duration_s;
  metrics::Histogram first_token_s;
  metrics::Histogram inter_token_s;
  metrics::Histogram input_tokens;
  metrics::Histogram output_tokens;
  metrics::Histogram cached_tokens;
  metrics::Counter output_tokens_total;
  metrics::Counter tokenizer_hits;
  metrics::Counter tokenizer_misses;
  metrics::Counter tokenizer_cached_tokens;
  metrics::Counter tokenizer_uncached_tokens;
  // Of its worker.
  metrics::Gauge active_decode_blocks{};
  metrics::Gauge active_prefill_tokens{};
  metrics::Gauge last_first_token_s{};
  metrics::Gauge last_inter_token_s{};
};

class Probe final {
 public:
  // `registry` outlives the probe. `models`: those that get labels.
  Probe(metrics::Registry& registry, const MetricsNaming& naming,
        const std::vector<ProbedModel>& models);

  // Handles of a model by its card's name; those of `unknown` for any other.
  [[nodiscard]] const ModelMeters& meters(std::string_view model) const noexcept;

  void request_started(const ModelMeters& meters, RequestKind kind) const;
  void request_succeeded(const ModelMeters& meters, RequestKind kind) const;
  void request_failed(const ModelMeters& meters, RequestKind kind, openai::ApiErrorCode code) const;
  void request_cancelled(const ModelMeters& meters, RequestKind kind, std::string_view phase) const;
  void request_rejected(const ModelMeters& meters, RequestKind kind, std::string_view reason) const;
  void tokens_wasted(const ModelMeters& meters, std::string_view reason,
                     std::uint64_t num_tokens) const;
  void stage_took(Stage stage, Duration duration) const;
  void prompts_tokenized(const ModelMeters& meters, const TokenizerCacheUse& use) const;
  void client_disconnected() const;

 private:
  ModelMeters make_meters(const std::string& label) const;
  void add_worker(ModelMeters& meters, std::uint64_t worker_id) const;
  void add_card(const discovery::ModelCard& card) const;

  struct PerModel {
    metrics::Family<metrics::Gauge> active, inflight, queued, ready;
    metrics::Family<metrics::Histogram> duration_s, first_token_s, inter_token_s, input_tokens,
        output_tokens, cached_tokens;
    metrics::Family<metrics::Counter> output_tokens_total, tokenizer_hits, tokenizer_misses,
        tokenizer_cached_tokens, tokenizer_uncached_tokens;
  };
  struct CardGauges {
    metrics::Family<metrics::Gauge> workers, worker_sets, context_length, block_size, kv_blocks,
        max_num_seqs, max_num_batched_tokens;
  };

  struct WorkerGauges {
    metrics::Family<metrics::Gauge> decode_blocks, prefill_tokens, first_token_s, inter_token_s;
  };

  PerModel per_model_;
  WorkerGauges worker_gauges_;
  CardGauges card_gauges_;
  metrics::Family<metrics::Counter> started_;
  metrics::Family<metrics::Counter> requests_;
  metrics::Family<metrics::Counter> cancellations_;
  metrics::Family<metrics::Counter> rejections_;
  metrics::Family<metrics::Counter> wasted_;
  metrics::Gauge disconnected_;
  metrics::Gauge tokenizer_cache_bytes_;
  std::vector<metrics::Histogram> stages_;  // by Stage
  metrics::Histogram tokenize_ms_;
  std::map<std::string, ModelMeters, std::less<>> meters_;
  ModelMeters unknown_;
};

[[nodiscard]] std::string_view endpoint_label(openai::Api api) noexcept;

// Open connections of all listeners.
[[nodiscard]] metrics::Gauge connections_gauge(metrics::Registry& registry,
                                               const MetricsNaming& naming);
// How late the ticks of `num_loops` loops were, by thread, for the IoPool.
[[nodiscard]] std::vector<metrics::Histogram> loop_delay_histograms(metrics::Registry& registry,
                                                                    const MetricsNaming& naming,
                                                                    std::size_t num_loops);

}  // namespace penstock::frontend
