#include "frontend/admin/admin_bodies.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace penstock::frontend {
namespace {

using text::Json;

Json us(Duration duration) {
  return Json(to_us(duration));
}

template <class Integer>
Json or_null(const std::optional<Integer>& value) {
  return value ? Json(std::uint64_t{*value}) : Json();
}

Json strings(const std::vector<std::string>& texts) {
  Json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return Json(std::move(array));
}

Json state_of(const Model& model) {
  if (model.stream.is_closed()) return Json("fenced");
  if (model.stall()) return Json("fenced");
  return Json(model.stream.is_ready() ? "ready" : "draining");
}

Json reason_of(const Model& model) {
  if (model.stream.is_closed()) return Json("lost: its stream has ended");
  if (const auto stall = model.stall()) {
    return Json(format("stalled: no progress in the phase {} for {:.0f} ms", stall->phase,
                       to_ms(stall->age)));
  }
  return {};
}

Json load_json(const std::optional<rpc::Load>& load) {
  if (!load) return {};
  return Json(Json::Object{{"running", Json(std::uint64_t{load->running})},
                           {"waiting", Json(std::uint64_t{load->waiting})},
                           {"active_prefill_tokens", Json(load->active_prefill_tokens)},
                           {"kv_blocks_total", Json(load->kv_blocks_total)},
                           {"kv_blocks_active", Json(load->kv_blocks_active)},
                           {"kv_blocks_waiting", Json(load->kv_blocks_waiting)},
                           {"kv_blocks_cached", Json(load->kv_blocks_cached)},
                           {"step_us", Json(load->step_us)},
                           {"prefill_tokens_per_s", Json(load->prefill_tokens_per_s)},
                           {"progress", Json(load->progress)}});
}

Json usage_json(const UsageTotals& totals) {
  return Json(Json::Object{{"requests", Json(totals.requests)},
                           {"prompt_tokens", Json(totals.tokens.prompt)},
                           {"cached_tokens", Json(totals.tokens.cached)},
                           {"completion_tokens", Json(totals.tokens.completion)},
                           {"reasoning_tokens", Json(totals.tokens.reasoning)},
                           {"wasted_tokens", Json(totals.tokens.wasted)}});
}

Json available_json(const std::optional<RateMeter>& meter, MonotonicTime now) {
  return meter ? Json(static_cast<std::int64_t>(meter->available(now))) : Json();
}

Json tenant_json(const Access::TenantView& view, MonotonicTime now) {
  const TenantPolicy& policy = view.tenant->policy();
  const TenantQuota quota = view.tenant->account().quota();
  Json::Array keys;
  for (const auto& key : view.keys) {
    keys.emplace_back(
        Json::Object{{"id", Json(key->id)},
                     {"expires", key->expires_unix_s ? Json(*key->expires_unix_s) : Json()},
                     {"usage", usage_json(key->usage->totals())}});
  }
  return Json(Json::Object{
      {"name", Json(policy.name)},
      {"share_cache", Json(policy.share_cache)},
      {"weight", Json(policy.weight)},
      {"models", strings(policy.models)},
      {"limits",
       Json(Json::Object{{"max_concurrent", or_null(policy.limits.max_concurrent)},
                         {"requests_per_minute", or_null(policy.limits.requests_per_minute)},
                         {"tokens_per_minute", or_null(policy.limits.tokens_per_minute)}})},
      {"running", Json(std::uint64_t{quota.num_running()})},
      {"available", Json(Json::Object{{"requests", available_json(quota.requests(), now)},
                                      {"tokens", available_json(quota.tokens(), now)}})},
      {"usage", usage_json(view.tenant->account().usage.totals())},
      {"keys", Json(std::move(keys))}});
}

bool is_workers(LedgerKind kind) noexcept {
  switch (kind) {
    case LedgerKind::kSequence:
    case LedgerKind::kBlocks:
    case LedgerKind::kLease:
      return true;
    case LedgerKind::kRequest:
    case LedgerKind::kStream:
    case LedgerKind::kConnection:
    case LedgerKind::kFile:
      return false;
  }
  return false;
}

// Held by a request, not by the server itself.
bool is_of_requests(LedgerKind kind) noexcept {
  return kind != LedgerKind::kConnection && kind != LedgerKind::kFile;
}

Json held_json(const std::vector<LedgerLine>& lines, bool workers, bool only_nonzero) {
  Json::Object counts;
  Json::Array entries;
  for (std::size_t k = 0; k < kNumLedgerKinds; ++k) {
    const auto kind = static_cast<LedgerKind>(k);
    if (is_workers(kind) != workers || (only_nonzero && !is_of_requests(kind))) continue;
    std::uint64_t total = 0;
    for (const LedgerLine& line : lines) {
      if (line.kind != kind) continue;
      total += line.count;
      entries.emplace_back(Json::Object{{"kind", Json(to_string(kind))},
                                        {"owner", Json(line.owner)},
                                        {"count", Json(line.count)},
                                        {"age_ms", Json(to_us(line.age) / 1000)}});
    }
    if (total > 0 || !only_nonzero) counts.set(std::string(to_string(kind)), Json(total));
  }
  return Json(
      Json::Object{{"held", Json(std::move(counts))}, {"entries", Json(std::move(entries))}});
}

}  // namespace

const Model* find_worker(const Models& models, std::uint64_t worker_id) {
  const auto at = std::ranges::find(models.all(), worker_id,
                                    [](const auto& model) { return model->worker_id; });
  return at == models.all().end() ? nullptr : at->get();
}

Json worker_json(const Model& model) {
  const discovery::Digests& digests = model.card.digests;
  return Json(
      Json::Object{{"worker_id", Json(model.worker_id)},
                   {"dp_rank", Json(0)},
                   {"model", Json(model.card.name)},
                   {"aliases", strings(model.card.aliases)},
                   {"role", Json("agg")},
                   {"state", state_of(model)},
                   {"reason", reason_of(model)},
                   {"stream", Json(model.stream.is_closed() ? "closed" : "open")},
                   {"digests", Json(Json::Object{{"hash_scheme", Json(digests.hash_scheme)},
                                                 {"engine", Json(digests.engine)},
                                                 {"model", Json(digests.model)},
                                                 {"tokenizer", Json(digests.tokenizer)},
                                                 {"chat_template", Json(digests.chat_template)},
                                                 {"numerics", Json(digests.numerics)},
                                                 {"kv_layout", Json(digests.kv_layout)}})},
                   {"load", load_json(model.stream.load())}});
}

Json workers_json(const Models& models) {
  Json::Array workers;
  for (const auto& model : models.all()) workers.push_back(worker_json(*model));
  return Json(Json::Object{{"workers", Json(std::move(workers))}});
}

Json tenants_json(const Access& access, MonotonicTime now) {
  Json::Array tenants;
  for (const Access::TenantView& view : access.tenants()) {
    tenants.push_back(tenant_json(view, now));
  }
  return Json(Json::Object{{"tenants", Json(std::move(tenants))}});
}

Json record_json(const RequestRecord& record) {
  const TokenUsage& tokens = record.tokens;
  const bool is_error = !record.error.empty();
  return Json(Json::Object{
      {"request_id", Json(record.request_id)},
      {"correlation_id", Json(record.correlation_id)},
      {"received_unix_us", Json(record.received_unix_us)},
      {"endpoint", Json(record.endpoint)},
      {"tenant", Json(record.tenant)},
      {"key", record.key_id.empty() ? Json() : Json(record.key_id)},
      {"model", record.model.empty() ? Json() : Json(record.model)},
      {"worker_id", record.worker_id == 0 ? Json() : Json(record.worker_id)},
      {"stream", Json(record.stream)},
      {"choices", Json(std::uint64_t{record.num_choices})},
      {"finish", record.finish.empty() ? Json() : Json(record.finish)},
      {"error", is_error ? Json(Json::Object{{"code", Json(record.error)},
                                             {"message", Json(record.message)},
                                             {"phase", Json(record.phase)}})
                         : Json()},
      {"tokens", Json(Json::Object{{"prompt", Json(tokens.prompt)},
                                   {"cached", Json(tokens.cached)},
                                   {"completion", Json(tokens.completion)},
                                   {"reasoning", Json(tokens.reasoning)},
                                   {"wasted", Json(tokens.wasted)}})},
      {"priority",
       Json(Json::Object{{"asked", Json(std::int64_t{record.priority_asked})},
                         {"granted", Json(std::int64_t{record.priority})},
                         {"strict_asked", Json(std::uint64_t{record.strict_priority_asked})},
                         {"strict_granted", Json(std::uint64_t{record.strict_priority})}})},
      {"phases_us",
       Json(Json::Object{{"parse", us(record.parse)},
                         {"template", us(record.render)},
                         {"tokenize", us(record.tokenize)},
                         {"queue", us(record.queue)},
                         {"prefill", us(record.prefill)},
                         {"first_output", record.first_output ? us(*record.first_output) : Json()},
                         {"decode", us(record.decode)},
                         {"total", us(record.total)}})}});
}

Json records_json(const std::vector<RequestRecord>& records) {
  Json::Array array;
  for (const RequestRecord& record : records) array.push_back(record_json(record));
  return Json(Json::Object{{"records", Json(std::move(array))}});
}

Json ledger_json(const Ledger& ledger, const Models& models, LedgerWish wish) {
  const std::vector<LedgerLine> lines = ledger.lines();
  const auto is_shown = [&](const Json& held) {
    return !wish.only_nonzero || !held.find("held")->as_object().empty();
  };
  Json::Object out;
  if (!wish.worker_id) {
    Json frontend = held_json(lines, false, wish.only_nonzero);
    if (is_shown(frontend)) out.set("frontend", std::move(frontend));
  }
  Json::Array workers;
  for (const auto& model : models.all()) {
    if (wish.worker_id && *wish.worker_id != model->worker_id) continue;
    Json held = held_json(lines, true, wish.only_nonzero);
    if (!is_shown(held)) continue;
    held.as_object().set("worker_id", Json(model->worker_id));
    workers.push_back(std::move(held));
  }
  if (!workers.empty() || !wish.only_nonzero) out.set("workers", Json(std::move(workers)));
  return Json(std::move(out));
}

}  // namespace penstock::frontend
