#include "frontend/frontend.h"

#include <atomic>
#include <utility>
#include <variant>

#include "frontend/error_response.h"
#include "frontend/generation.h"
#include "frontend/routes.h"
#include "frontend/service_routes.h"

namespace penstock::frontend {
namespace {

using openai::ApiError;
using openai::ApiErrorCode;
using openai::ApiStatus;
using openai::make_api_error;

constexpr Duration kMaxLoopSilence = std::chrono::seconds(5);
constexpr Duration kTimeToFail = std::chrono::seconds(2);

std::vector<const discovery::ModelCard*> cards_of(const Models& models) {
  std::vector<const discovery::ModelCard*> cards;
  for (const auto& model : models.all()) cards.push_back(&model->card);
  return cards;
}

bool is_json(std::string_view content_type) {
  const std::string_view media = content_type.substr(0, content_type.find(';'));
  std::string lower;
  for (const char c : media) {
    if (c != ' ') lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return lower == "application/json" || lower.ends_with("+json");
}

ApiStatus check_media(const net::HttpRequest& request) {
  const std::string* encoding = request.find_header("content-encoding");
  if (encoding != nullptr && *encoding != "identity") {
    return make_api_error(ApiErrorCode::kUnsupportedMediaType, "content-encoding",
                          "the body is encoded as '{}'; send it as it is",
                          openai::clipped(*encoding));
  }
  const std::string* type = request.find_header("content-type");
  if (type != nullptr && !is_json(*type)) {
    return make_api_error(ApiErrorCode::kUnsupportedMediaType, "content-type",
                          "the body is of the type '{}'; send application/json",
                          openai::clipped(*type));
  }
  return {};
}

}  // namespace

struct Frontend::Impl {
  Impl(FrontendOptions given, FrontendDeps given_deps, std::vector<ServedModel> served)
      : options(std::move(given)),
        deps(given_deps),
        ids(deps.clock),
        models(deps.pool, std::move(served)),
        probe(deps.registry, options.metrics_prefix, cards_of(models)),
        preparer(models, options, deps.clock, ids),
        openapi(openapi_body(preparer, options.version)),
        in_flight(deps.pool, options.max_inflight),
        tokenizers(options.tokenizer_threads, options.tokenize_queue, deps.clock),
        services{options, deps.clock, deps.ledger, probe, preparer, tokenizers, in_flight} {}

  void handle(std::shared_ptr<net::HttpExchange> exchange);
  void serve(Route route, std::string_view rest, const net::HttpRequest& request,
             const RequestContext& context, net::HttpExchange& exchange);
  void generate(openai::Api api, RequestContext context,
                std::shared_ptr<net::HttpExchange> exchange);
  ApiStatus admit(const net::HttpRequest& request, openai::Api api, RequestContext& context);
  [[nodiscard]] bool loops_are_alive() const;

  const FrontendOptions options;
  const FrontendDeps deps;
  IdSource ids;
  Models models;
  const Probe probe;
  const Preparer preparer;
  const std::string openapi;  // the body of /openapi.json
  InFlight in_flight;
  TokenizerPool tokenizers;
  const Services services;
  std::atomic<bool> is_draining{false};
};

void Frontend::Impl::handle(std::shared_ptr<net::HttpExchange> exchange) {
  const net::HttpRequest& request = exchange->request();
  RequestContext context = make_context(request, ids.make_request_id(), options);
  const auto found = find_route(request.method, request.path);
  if (const auto* wrong = std::get_if<RouteError>(&found)) {
    net::HttpResponse response = error_response(wrong->error, options, context.headers());
    if (!wrong->allow.empty()) response.headers.push_back({"allow", std::string(wrong->allow)});
    return exchange->respond(std::move(response));
  }
  const RouteMatch match = std::get<RouteMatch>(found);
  if (match.route == Route::kChat) {
    generate(openai::Api::kChat, std::move(context), std::move(exchange));
  } else if (match.route == Route::kCompletions) {
    generate(openai::Api::kCompletions, std::move(context), std::move(exchange));
  } else {
    serve(match.route, match.rest, request, context, *exchange);
  }
}

// What needs no body: the cheap refusals come before anything is parsed.
ApiStatus Frontend::Impl::admit(const net::HttpRequest& request, openai::Api api,
                                RequestContext& context) {
  if (is_draining.load(std::memory_order_acquire)) {
    return make_api_error(ApiErrorCode::kDraining, "",
                          "this server is shutting down; send the request to another one");
  }
  RETURN_IF_API_ERROR(
      read_headers(request, options, {deps.clock.now(), deps.clock.unix_us()}, context));
  RETURN_IF_API_ERROR(check_media(request));
  if (in_flight.try_enter()) return {};
  probe.request_rejected(probe.meters(""), {.api = api}, "max_inflight");
  return make_api_error(ApiErrorCode::kOverloaded, "max_inflight",
                        "{} requests are in flight, the most this server takes; try again later",
                        options.max_inflight);
}

void Frontend::Impl::generate(openai::Api api, RequestContext context,
                              std::shared_ptr<net::HttpExchange> exchange) {
  if (const ApiStatus admitted = admit(exchange->request(), api, context); !admitted) {
    probe.request_failed(probe.meters(""), {.api = api}, admitted.error().code);
    return exchange->respond(error_response(admitted.error(), options, context.headers()));
  }
  std::make_shared<Generation>(services, std::move(exchange), std::move(context), api)->start();
}

bool Frontend::Impl::loops_are_alive() const {
  const MonotonicTime now = SystemClock().now();  // the pool's clock
  for (std::size_t loop = 0; loop < deps.pool.num_loops(); ++loop) {
    if (now - deps.pool.last_tick(loop) > kMaxLoopSilence) return false;
  }
  return true;
}

void Frontend::Impl::serve(Route route, std::string_view rest, const net::HttpRequest& request,
                           const RequestContext& context, net::HttpExchange& exchange) {
  const bool draining = is_draining.load(std::memory_order_acquire);
  net::HttpHeaders headers = context.headers();
  const auto respond = [&](int status, std::string body) {
    exchange.respond(json_response(status, std::move(body), std::move(headers)));
  };
  switch (route) {
    case Route::kModels:
      return respond(200, models_body(models));
    case Route::kModel: {
      auto body = model_body(models, rest);
      if (body) return respond(200, std::move(*body));
      return exchange.respond(error_response(body.error(), options, std::move(headers)));
    }
    case Route::kLive: {
      if (!loops_are_alive()) return respond(503, R"({"status":"stalled","phase":"io"})");
      std::string stalled = stalled_body(models);
      return stalled.empty() ? respond(200, R"({"status":"live"})")
                             : respond(503, std::move(stalled));
    }
    case Route::kReady:
      return frontend::is_ready(models, draining, query_value(request.query, "model"))
                 ? respond(200, R"({"status":"ready"})")
                 : respond(503, R"({"status":"not ready"})");
    case Route::kHealth:
      return respond(frontend::is_ready(models, draining, "") ? 200 : 503,
                     health_body(models, draining, options.version));
    case Route::kMetrics: {
      if (!options.http_metrics) {
        return exchange.respond(error_response(
            make_api_error(ApiErrorCode::kUnknownUrl, "", "/metrics is switched off here").error(),
            options, std::move(headers)));
      }
      for (const auto& model : models.all()) {
        probe.meters(model->card.name).ready.set(model->is_ready() ? 1 : 0);
      }
      net::HttpResponse response;
      response.headers = std::move(headers);
      response.headers.push_back({"content-type", std::string(metrics::kTextContentType)});
      response.body = deps.registry.text();
      return exchange.respond(std::move(response));
    }
    case Route::kOpenApi:
      return respond(200, openapi);
    case Route::kChat:
    case Route::kCompletions:
      break;
  }
  exchange.respond(error_response(internal_error(context.request_id), options, std::move(headers)));
}

Frontend::Frontend(FrontendOptions options, FrontendDeps deps, std::vector<ServedModel> models)
    : impl_(std::make_unique<Impl>(std::move(options), deps, std::move(models))) {}

Frontend::~Frontend() = default;

net::HttpHandler Frontend::handler() {
  return [impl = impl_.get()](std::shared_ptr<net::HttpExchange> exchange) {
    impl->handle(std::move(exchange));
  };
}

net::HttpErrorBody Frontend::error_body() {
  return [impl = impl_.get()](int status, std::string_view message) {
    ApiError error;
    error.code = openai::code_of_status(status);
    error.message = std::string(message);
    const std::string id = impl->ids.make_request_id();
    net::HttpResponse response =
        error_response(error, impl->options, {{"x-request-id", id}, {"x-penstock-request-id", id}});
    response.status = status;
    return response;
  };
}

bool Frontend::is_ready() const {
  return frontend::is_ready(impl_->models, impl_->is_draining.load(std::memory_order_acquire), "");
}

std::size_t Frontend::num_in_flight() const {
  return impl_->in_flight.count();
}

void Frontend::begin_drain() {
  impl_->is_draining.store(true, std::memory_order_release);
}

bool Frontend::drain(Duration timeout) {
  begin_drain();
  if (impl_->in_flight.wait_until_empty(timeout)) return true;
  const ApiError error =
      make_api_error(ApiErrorCode::kDraining, "",
                     "this server is shutting down and the time for running requests is over; "
                     "send the request to another one")
          .error();
  impl_->in_flight.post_to_all([error](Generation& generation) { generation.fail(error); });
  (void)impl_->in_flight.wait_until_empty(kTimeToFail);
  return false;
}

}  // namespace penstock::frontend
