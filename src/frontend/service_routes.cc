#include "frontend/service_routes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "frontend/error_response.h"
#include "openai/json_out.h"
#include "openai/openapi.h"
#include "text/json.h"

namespace penstock::frontend {
namespace {

void append_model(std::string& out, const discovery::ModelCard& card) {
  out += '{';
  openai::append_string_member(out, "id", card.name);
  out += R"(,"object":"model","created":)";
  openai::append_integer(out, card.created);
  out += R"(,"owned_by":"penstock","max_model_len":)";
  openai::append_integer(out, card.context_length);
  out += '}';
}

constexpr Duration kMaxLoopSilence = std::chrono::seconds(5);

bool loops_are_alive(const net::IoPool& pool) {
  const MonotonicTime now = SystemClock().now();  // the pool's clock
  for (std::size_t loop = 0; loop < pool.num_loops(); ++loop) {
    if (now - pool.last_tick(loop) > kMaxLoopSilence) return false;
  }
  return true;
}

net::HttpResponse live_response(const ServiceView& view, net::HttpHeaders headers) {
  if (!loops_are_alive(view.pool)) {
    return json_response(503, R"({"status":"stalled","phase":"io"})", std::move(headers));
  }
  std::string stalled = stalled_body(view.models);
  if (!stalled.empty()) return json_response(503, std::move(stalled), std::move(headers));
  return json_response(200, R"({"status":"live"})", std::move(headers));
}

net::HttpResponse metrics_response(const ServiceView& view, net::HttpHeaders headers) {
  for (const auto& model : view.models.all()) {
    const ModelMeters& meters = view.probe.meters(model->card.name);
    meters.ready.set(model->is_ready() ? 1 : 0);
    if (const std::optional<rpc::Load> load = model->stream.load()) {
      meters.active_decode_blocks.set(static_cast<double>(load->kv_blocks_active));
      meters.active_prefill_tokens.set(static_cast<double>(load->active_prefill_tokens));
    }
  }
  net::HttpResponse response;
  response.headers = std::move(headers);
  response.headers.push_back({"content-type", std::string(metrics::kTextContentType)});
  response.body = view.registry.text();
  return response;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace

net::HttpResponse service_response(Route route, const ServiceView& view, std::string_view query,
                                   net::HttpHeaders headers) {
  if (route == Route::kLive) return live_response(view, std::move(headers));
  if (route == Route::kMetrics) return metrics_response(view, std::move(headers));
  if (route == Route::kHealth) {
    return json_response(is_ready(view.models, view.is_draining, "") ? 200 : 503,
                         health_body(view.models, view.is_draining, view.version),
                         std::move(headers));
  }
  CHECK(route == Route::kReady, "route {} is none of this port's service routes",
        static_cast<int>(route));
  const bool ready = is_ready(view.models, view.is_draining, query_value(query, "model"));
  return json_response(ready ? 200 : 503,
                       ready ? R"({"status":"ready"})" : R"({"status":"not ready"})",
                       std::move(headers));
}

std::string models_body(const Models& models, const Tenant& tenant) {
  std::string out = R"({"object":"list","data":[)";
  for (bool first = true; const auto& model : models.all()) {
    if (!model->is_ready() || !tenant.may_use(model->card)) continue;
    if (!first) out += ',';
    first = false;
    append_model(out, model->card);
  }
  return out + "]}";
}

openai::ApiResult<std::string> model_body(const Models& models, const Tenant& tenant,
                                          std::string_view id) {
  const Model* model = models.find(id);
  if (model == nullptr || !tenant.may_use(model->card) || !model->is_ready()) {
    return openai::make_api_error(openai::ApiErrorCode::kModelNotFound, "model",
                                  "the model '{}' does not exist here; GET /v1/models lists those "
                                  "that do",
                                  openai::clipped(id));
  }
  std::string out;
  append_model(out, model->card);
  return out;
}

bool is_ready(const Models& models, bool is_draining, std::string_view model) {
  if (is_draining) return false;
  if (!model.empty()) {
    const Model* one = models.find(model);
    return one != nullptr && one->is_ready();
  }
  return std::ranges::any_of(models.all(), [](const auto& m) { return m->is_ready(); });
}

std::string health_body(const Models& models, bool is_draining, std::string_view version) {
  std::string out = R"({"status":")";
  out += is_ready(models, is_draining, "") ? "healthy" : "unhealthy";
  out += R"(","draining":)";
  out += is_draining ? "true" : "false";
  out += R"(,"models":{)";
  for (bool first = true; const auto& model : models.all()) {
    if (!first) out += ',';
    first = false;
    text::append_json_string(out, model->card.name);
    const bool ready = model->is_ready();
    out += R"(:{"ready":)";
    out += ready ? "true" : "false";
    out += R"(,"workers":{"agg":)";
    out += ready ? "1}}" : "0}}";
  }
  out += R"(},"discovery":{"backend":"memory","age_ms":0},)";
  openai::append_string_member(out, "version", version);
  return out + '}';
}

std::string openapi_body(const Preparer& preparer, const FrontendOptions& options) {
  const RouteTable& routes = options.routes;
  return text::to_json(
      openai::openapi({.chat = preparer.table(openai::Api::kChat),
                       .completions = preparer.table(openai::Api::kCompletions),
                       .paths = {.chat = routes.path_of(Route::kChat),
                                 .completions = routes.path_of(Route::kCompletions),
                                 .models = routes.path_of(Route::kModels),
                                 .live = routes.path_of(Route::kLive),
                                 .ready = routes.path_of(Route::kReady),
                                 .health = routes.path_of(Route::kHealth),
                                 .metrics = routes.path_of(Route::kMetrics)},
                       .version = options.version}));
}

std::string stalled_body(const Models& models) {
  for (const auto& model : models.all()) {
    const auto stall = model->stall();
    if (!stall) continue;
    std::string out = R"({"status":"stalled",)";
    openai::append_string_member(out, "model", model->card.name);
    out += ',';
    openai::append_string_member(out, "phase", stall->phase);
    out += R"(,"age_ms":)";
    openai::append_integer(out, stall->age / std::chrono::milliseconds(1));
    return out + '}';
  }
  return {};
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return percent_decoded(pair.substr(equals + 1));
    }
  }
  return {};
}

}  // namespace penstock::frontend
