#include "frontend/probe.h"

#include <array>

#include "base/check.h"
#include "frontend/preparation.h"
#include "metrics/bounds.h"

namespace penstock::frontend {
namespace {

using metrics::Counter;
using metrics::Family;
using metrics::Gauge;
using metrics::Histogram;

std::vector<double> bounds(double min, double max, int count) {
  auto made = metrics::log_bounds({min, max, count});
  CHECK(made.has_value());
  return std::move(*made);
}

double seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

std::string_view type_label(bool stream) noexcept {
  return stream ? "stream" : "unary";
}

// Declares families under one prefix.
class Declarer final {
 public:
  Declarer(metrics::Registry& registry, const MetricsNaming& naming)
      : registry_(registry), prefix_(naming.prefix), buckets_(naming.buckets) {}

  Family<Counter> counters(std::string_view name, std::string help,
                           std::vector<std::string> labels) const {
    return registry_.counters({format("{}_{}", prefix_, name), std::move(help), std::move(labels)});
  }
  Family<Gauge> gauges(std::string_view name, std::string help,
                       std::vector<std::string> labels = {"model"}) const {
    return registry_.gauges({format("{}_{}", prefix_, name), std::move(help), std::move(labels)});
  }
  Family<Histogram> histograms(std::string_view name, std::string help,
                               std::vector<double> upper_bounds,
                               std::vector<std::string> labels = {"model"}) const {
    if (const auto given = buckets_.find(name); given != buckets_.end()) {
      upper_bounds = given->second;
    }
    return registry_.histograms({format("{}_{}", prefix_, name), std::move(help), std::move(labels),
                                 std::move(upper_bounds)});
  }

 private:
  metrics::Registry& registry_;
  const std::string& prefix_;
  const MetricsBuckets& buckets_;
};

constexpr std::array<std::string_view, kNumStages> kStageLabels = {"parse", "template", "tokenize",
                                                                   "queue", "prefill"};

}  // namespace

std::string_view endpoint_label(openai::Api api) noexcept {
  return api == openai::Api::kChat ? "chat_completions" : "completions";
}

Probe::Probe(metrics::Registry& registry, const MetricsNaming& naming,
             const std::vector<ProbedModel>& models) {
  const Declarer declare(registry, naming);
  per_model_ = {
      .active = declare.gauges("active_requests", "Requests being answered."),
      .inflight = declare.gauges("inflight_requests", "The same as active_requests."),
      .queued = declare.gauges("queued_requests", "Requests without output yet."),
      .ready = declare.gauges("model_ready", "1 while a worker takes requests."),
      .duration_s =
          declare.histograms("request_duration_seconds", "First byte to last.", bounds(1, 512, 10)),
      .first_token_s = declare.histograms("time_to_first_token_seconds", "First byte to output.",
                                          bounds(0.001, 480, 18)),
      .inter_token_s = declare.histograms("inter_token_latency_seconds", "Gap between tokens.",
                                          bounds(0.001, 2, 13)),
      .input_tokens =
          declare.histograms("input_sequence_tokens", "Prompt tokens.", bounds(50, 128000, 12)),
      .output_tokens =
          declare.histograms("output_sequence_tokens", "Generated tokens.", bounds(50, 32000, 10)),
      .cached_tokens = declare.histograms("cached_tokens", "Prompt tokens not computed.",
                                          bounds(50, 128000, 12)),
      .output_tokens_total =
          declare.counters("output_tokens_total", "Generated tokens.", {"model"}),
      .tokenizer_hits = declare.counters(
          "tokenizer_cache_hits_total", "Prompts whose beginning was tokenized before.", {"model"}),
      .tokenizer_misses = declare.counters("tokenizer_cache_misses_total",
                                           "Prompts tokenized as a whole.", {"model"}),
      .tokenizer_cached_tokens =
          declare.counters("tokenizer_cache_cached_tokens_total",
                           "Prompt tokens that were tokenized before.", {"model"}),
      .tokenizer_uncached_tokens =
          declare.counters("tokenizer_cache_uncached_tokens_total",
                           "Prompt tokens tokenized while the cache was on.", {"model"}),
  };
  card_gauges_ = {
      .workers = declare.gauges("model_workers", "Workers by role.", {"model", "role"}),
      .worker_sets = declare.gauges("model_worker_sets", "Sets of equal workers."),
      .context_length = declare.gauges("model_context_length", "Effective context, in tokens."),
      .block_size = declare.gauges("model_kv_cache_block_size", "Tokens per KV block."),
      .kv_blocks = declare.gauges("model_total_kv_blocks", "KV blocks of the pool."),
      .max_num_seqs = declare.gauges("model_max_num_seqs", "Most live sequences."),
      .max_num_batched_tokens =
          declare.gauges("model_max_num_batched_tokens", "Most tokens per step."),
  };
  const std::vector<std::string> of_worker = {"worker_id", "dp_rank", "worker_type"};
  worker_gauges_ = {
      .decode_blocks =
          declare.gauges("worker_active_decode_blocks", "KV blocks of what runs there.", of_worker),
      .prefill_tokens = declare.gauges("worker_active_prefill_tokens",
                                       "Prompt tokens not computed there yet.", of_worker),
      .first_token_s = declare.gauges("worker_last_time_to_first_token_seconds",
                                      "Of the last request there.", of_worker),
      .inter_token_s = declare.gauges("worker_last_inter_token_latency_seconds",
                                      "Of the last token there.", of_worker),
  };
  started_ = declare.counters("requests_started_total", "Requests read.",
                              {"model", "endpoint", "request_type"});
  requests_ = declare.counters("requests_total", "Requests ended, by outcome.",
                               {"model", "endpoint", "request_type", "status", "error_type"});
  cancellations_ = declare.counters("model_cancellation_total", "Requests whose client left.",
                                    {"model", "endpoint", "phase"});
  rejections_ = declare.counters("model_rejection_total", "Requests refused for load.",
                                 {"model", "endpoint", "reason"});
  wasted_ = declare.counters("wasted_tokens_total", "Tokens computed that nobody got.",
                             {"model", "reason"});
  disconnected_ =
      declare.gauges("disconnected_clients", "Clients that left, running total.", {}).with({});
  tokenizer_cache_bytes_ =
      declare
          .gauges("tokenizer_cache_bytes",
                  "Memory that the tokenized prefixes take, of all models.", {})
          .with({});
  const auto stages = declare.histograms("stage_duration_seconds", "Time per stage.",
                                         bounds(0.00001, 60, 20), {"stage"});
  for (const std::string_view label : kStageLabels) stages_.push_back(stages.with({label}));
  tokenize_ms_ = declare
                     .histograms("tokenizer_latency_ms", "Time in the tokenizer.",
                                 {0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512}, {"operation"})
                     .with({"tokenize"});
  unknown_ = make_meters("unknown");
  for (const ProbedModel& model : models) {
    ModelMeters meters = make_meters(model.card.name);
    add_worker(meters, model.worker_id);
    meters_.emplace(model.card.name, std::move(meters));
    add_card(model.card);
  }
}

ModelMeters Probe::make_meters(const std::string& label) const {
  const std::vector<std::string_view> labels = {label};
  return {.label = label,
          .active = per_model_.active.with(labels),
          .inflight = per_model_.inflight.with(labels),
          .queued = per_model_.queued.with(labels),
          .ready = per_model_.ready.with(labels),
          .duration_s = per_model_.duration_s.with(labels),
          .first_token_s = per_model_.first_token_s.with(labels),
          .inter_token_s = per_model_.inter_token_s.with(labels),
          .input_tokens = per_model_.input_tokens.with(labels),
          .output_tokens = per_model_.output_tokens.with(labels),
          .cached_tokens = per_model_.cached_tokens.with(labels),
          .output_tokens_total = per_model_.output_tokens_total.with(labels),
          .tokenizer_hits = per_model_.tokenizer_hits.with(labels),
          .tokenizer_misses = per_model_.tokenizer_misses.with(labels),
          .tokenizer_cached_tokens = per_model_.tokenizer_cached_tokens.with(labels),
          .tokenizer_uncached_tokens = per_model_.tokenizer_uncached_tokens.with(labels)};
}

void Probe::add_worker(ModelMeters& meters, std::uint64_t worker_id) const {
  const std::string id = std::to_string(worker_id);
  const std::vector<std::string_view> labels = {id, "0", "agg"};
  meters.active_decode_blocks = worker_gauges_.decode_blocks.with(labels);
  meters.active_prefill_tokens = worker_gauges_.prefill_tokens.with(labels);
  meters.last_first_token_s = worker_gauges_.first_token_s.with(labels);
  meters.last_inter_token_s = worker_gauges_.inter_token_s.with(labels);
}

void Probe::add_card(const discovery::ModelCard& card) const {
  const std::vector<std::string_view> labels = {card.name};
  card_gauges_.workers.with({card.name, "agg"}).set(1);
  card_gauges_.worker_sets.with(labels).set(1);
  card_gauges_.context_length.with(labels).set(card.context_length);
  card_gauges_.block_size.with(labels).set(card.block_size);
  card_gauges_.kv_blocks.with(labels).set(static_cast<double>(card.total_kv_blocks));
  card_gauges_.max_num_seqs.with(labels).set(card.max_num_seqs);
  card_gauges_.max_num_batched_tokens.with(labels).set(card.max_num_batched_tokens);
}

const ModelMeters& Probe::meters(std::string_view model) const noexcept {
  const auto at = meters_.find(model);
  return at == meters_.end() ? unknown_ : at->second;
}

void Probe::request_started(const ModelMeters& meters, RequestKind kind) const {
  started_.with({meters.label, endpoint_label(kind.api), type_label(kind.stream)}).add();
}

void Probe::request_succeeded(const ModelMeters& meters, RequestKind kind) const {
  requests_.with({meters.label, endpoint_label(kind.api), type_label(kind.stream), "success", ""})
      .add();
}

void Probe::request_failed(const ModelMeters& meters, RequestKind kind,
                           openai::ApiErrorCode code) const {
  requests_
      .with({meters.label, endpoint_label(kind.api), type_label(kind.stream), "error",
             openai::row_of(code).metric_label})
      .add();
}

void Probe::request_cancelled(const ModelMeters& meters, RequestKind kind,
                              std::string_view phase) const {
  cancellations_.with({meters.label, endpoint_label(kind.api), phase}).add();
}

void Probe::request_rejected(const ModelMeters& meters, RequestKind kind,
                             std::string_view reason) const {
  rejections_.with({meters.label, endpoint_label(kind.api), reason}).add();
}

void Probe::tokens_wasted(const ModelMeters& meters, std::string_view reason,
                          std::uint64_t num_tokens) const {
  wasted_.with({meters.label, reason}).add(static_cast<double>(num_tokens));
}

void Probe::stage_took(Stage stage, Duration duration) const {
  stages_[static_cast<std::size_t>(stage)].observe(seconds(duration));
  if (stage == Stage::kTokenize) tokenize_ms_.observe(to_ms(duration));
}

void Probe::prompts_tokenized(const ModelMeters& meters, const TokenizerCacheUse& use) const {
  if (use.num_hits + use.num_misses == 0) return;
  meters.tokenizer_hits.add(use.num_hits);
  meters.tokenizer_misses.add(use.num_misses);
  meters.tokenizer_cached_tokens.add(static_cast<double>(use.cached_tokens));
  meters.tokenizer_uncached_tokens.add(static_cast<double>(use.uncached_tokens));
  tokenizer_cache_bytes_.set(static_cast<double>(use.held_bytes));
}

metrics::Gauge connections_gauge(metrics::Registry& registry, const MetricsNaming& naming) {
  return Declarer(registry, naming).gauges("connections", "Open connections.", {}).with({});
}

std::vector<Histogram> loop_delay_histograms(metrics::Registry& registry,
                                             const MetricsNaming& naming, std::size_t num_loops) {
  const auto family = Declarer(registry, naming)
                          .histograms("event_loop_delay_seconds", "How late a loop's ticks were.",
                                      bounds(0.0001, 10, 16), {"thread"});
  std::vector<Histogram> histograms;
  for (std::size_t i = 0; i < num_loops; ++i) {
    histograms.push_back(family.with({format("net-io-{}", i)}));
  }
  return histograms;
}

void Probe::client_disconnected() const {
  disconnected_.add();
}

}  // namespace penstock::frontend
