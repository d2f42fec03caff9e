#include "frontend/frontend.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <variant>

#include "frontend/access/access.h"
#include "frontend/error_response.h"
#include "frontend/generation.h"
#include "frontend/routes.h"
#include "frontend/service_routes.h"
#include "frontend/submission.h"

namespace penstock::frontend {
namespace {

using openai::ApiError;
using openai::ApiErrorCode;
using openai::ApiStatus;
using openai::make_api_error;

constexpr Duration kTimeToFail = std::chrono::seconds(2);

std::vector<ProbedModel> probed(const Models& models) {
  std::vector<ProbedModel> all;
  for (const auto& model : models.all()) all.push_back({model->card, model->worker_id});
  return all;
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

RequestRecord refusal_record(const ApiError& error, openai::Api api, const RequestContext& context,
                             const Clock& clock) {
  RequestRecord record = begin_record(context, {}, clock);
  record.endpoint = endpoint_label(api);
  record.phase = "admit";
  record.error = openai::row_of(error.code).name;
  record.message = error.message;
  record.total = clock.now() - context.received_at;
  return record;
}

}  // namespace

struct Frontend::Impl {
  Impl(FrontendOptions given, FrontendDeps given_deps, std::vector<ServedModel> served)
      : options(std::move(given)),
        deps(given_deps),
        open_access(deps.clock),
        access(deps.access == nullptr ? open_access : *deps.access),
        ids(deps.clock),
        models(deps.pool, deps.clock, std::move(served)),
        probe(deps.registry, options.metrics, probed(models)),
        preparer(models, options, deps.clock, ids),
        openapi(openapi_body(preparer, options)),
        in_flight(deps.pool, options.max_inflight),
        tokenizers(options.tokenizer_threads, options.tokenize_queue, deps.clock),
        explain(options.explain_records),
        services{options,  deps.clock, deps.ledger, probe,
                 preparer, tokenizers, in_flight,   explain} {}

  void handle(std::shared_ptr<net::HttpExchange> exchange);
  void serve(Route route, std::string_view rest, const net::HttpRequest& request,
             const RequestContext& context, net::HttpExchange& exchange);
  void generate(openai::Api api, RequestContext context,
                std::shared_ptr<net::HttpExchange> exchange);
  // The answer to OPTIONS of a known path; false when it is no such request.
  bool answer_preflight(const RequestContext& context, net::HttpExchange& exchange) const;
  std::optional<net::HttpResponse> check_headers(const net::HttpRequest& request);
  ApiStatus admit(const net::HttpRequest& request, openai::Api api, RequestContext& context);
  [[nodiscard]] std::uint32_t longest_retry_after_s(std::string_view request_id) const;
  [[nodiscard]] ServiceView service_view() const;

  const FrontendOptions options;
  const FrontendDeps deps;
  const Access open_access;  // in force when no other is given
  const Access& access;
  IdSource ids;
  Models models;
  const Probe probe;
  const Preparer preparer;
  const std::string openapi;  // the body of /openapi.json
  InFlight in_flight;
  TokenizerPool tokenizers;
  ExplainStore explain;
  const Services services;
  std::atomic<bool> is_draining{false};
};

void Frontend::Impl::handle(std::shared_ptr<net::HttpExchange> exchange) {
  const net::HttpRequest& request = exchange->request();
  RequestContext context = make_context(request, ids.make_request_id(), options);
  if (answer_preflight(context, *exchange)) return;
  const auto found = options.routes.find(request.method, request.path);
  if (const auto* wrong = std::get_if<RouteError>(&found)) {
    net::HttpResponse response = error_response(wrong->error, options, context.headers());
    if (!wrong->allow.empty()) response.headers.push_back({"allow", std::string(wrong->allow)});
    return exchange->respond(std::move(response));
  }
  const RouteMatch match = std::get<RouteMatch>(found);
  if (needs_key(match.route)) {
    auto caller = access.identify(request);
    if (!caller) {
      return exchange->respond(error_response(caller.error(), options, context.headers()));
    }
    context.caller = std::move(*caller);
  }
  if (match.route == Route::kChat) {
    generate(openai::Api::kChat, std::move(context), std::move(exchange));
  } else if (match.route == Route::kCompletions) {
    generate(openai::Api::kCompletions, std::move(context), std::move(exchange));
  } else {
    serve(match.route, match.rest, request, context, *exchange);
  }
}

bool Frontend::Impl::answer_preflight(const RequestContext& context,
                                      net::HttpExchange& exchange) const {
  const net::HttpRequest& request = exchange.request();
  if (!options.cors.is_on() || request.method != "OPTIONS") return false;
  const std::string_view allow = options.routes.allowed_methods(request.path);
  if (allow.empty()) return false;
  exchange.respond(options.cors.preflight(request, allow, context.headers()));
  return true;
}

// The key alone: everything else is said when the request is complete.
std::optional<net::HttpResponse> Frontend::Impl::check_headers(const net::HttpRequest& request) {
  const auto found = options.routes.find(request.method, request.path);
  const auto* match = std::get_if<RouteMatch>(&found);
  if (match == nullptr || !needs_key(match->route)) return std::nullopt;
  const auto caller = access.identify(request);
  if (caller) return std::nullopt;
  if (match->route == Route::kChat || match->route == Route::kCompletions) {
    const bool is_chat = match->route == Route::kChat;
    probe.request_failed(probe.meters(""),
                         {.api = is_chat ? openai::Api::kChat : openai::Api::kCompletions},
                         caller.error().code);
  }
  const RequestContext context = make_context(request, ids.make_request_id(), options);
  return error_response(caller.error(), options, context.headers());
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
  if (!in_flight.try_enter()) {
    probe.request_rejected(probe.meters(""), {.api = api}, "max_inflight");
    auto refused =
        make_api_error(ApiErrorCode::kOverloaded, "max_inflight",
                       "{} requests are in flight, the most this server takes; try again later",
                       options.max_inflight);
    refused.error().retry_after_s = longest_retry_after_s(context.request_id);
    return refused;
  }
  auto admission = Admission::begin(*context.caller.tenant, deps.clock);
  if (!admission) {
    in_flight.leave();
    probe.request_rejected(probe.meters(""), {.api = api}, *admission.error().param);
    return std::unexpected(std::move(admission).error());
  }
  context.admission = std::move(*admission);
  return {};
}

// Which model it is for is not known yet.
std::uint32_t Frontend::Impl::longest_retry_after_s(std::string_view request_id) const {
  std::uint32_t longest = 1;
  for (const auto& model : models.all()) {
    longest = std::max(longest, model->backlog.retry_after_s(0, request_id));
  }
  return longest;
}

void Frontend::Impl::generate(openai::Api api, RequestContext context,
                              std::shared_ptr<net::HttpExchange> exchange) {
  if (const ApiStatus admitted = admit(exchange->request(), api, context); !admitted) {
    probe.request_failed(probe.meters(""), {.api = api}, admitted.error().code);
    explain.add(refusal_record(admitted.error(), api, context, deps.clock));
    return exchange->respond(error_response(admitted.error(), options, context.headers()));
  }
  std::make_shared<Generation>(services, std::move(exchange), std::move(context), api)->start();
}

ServiceView Frontend::Impl::service_view() const {
  return {.models = models,
          .pool = deps.pool,
          .probe = probe,
          .registry = deps.registry,
          .version = options.version,
          .is_draining = is_draining.load(std::memory_order_acquire)};
}

void Frontend::Impl::serve(Route route, std::string_view rest, const net::HttpRequest& request,
                           const RequestContext& context, net::HttpExchange& exchange) {
  net::HttpHeaders headers = context.headers();
  switch (route) {
    case Route::kModels:
      return exchange.respond(
          json_response(200, models_body(models, *context.caller.tenant), std::move(headers)));
    case Route::kModel: {
      auto body = model_body(models, *context.caller.tenant, rest);
      return exchange.respond(body ? json_response(200, std::move(*body), std::move(headers))
                                   : error_response(body.error(), options, std::move(headers)));
    }
    case Route::kMetrics:
      if (!options.http_metrics) {
        return exchange.respond(
            error_response(make_api_error(ApiErrorCode::kUnknownUrl, "",
                                          "metrics are not on this port; ask the admin port")
                               .error(),
                           options, std::move(headers)));
      }
      [[fallthrough]];
    case Route::kLive:
    case Route::kReady:
    case Route::kHealth:
      return exchange.respond(
          service_response(route, service_view(), request.query, std::move(headers)));
    case Route::kOpenApi:
      return exchange.respond(json_response(200, openapi, std::move(headers)));
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

net::HttpHeaderCheck Frontend::header_check() {
  return [impl = impl_.get()](const net::HttpRequest& request) {
    return impl->check_headers(request);
  };
}

net::HttpErrorBody Frontend::error_body() {
  return [impl = impl_.get()](int status, std::string_view message) {
    ApiError error;
    const bool is_overload = status == 503;  // net's only use of it: memory for bodies
    error.code = is_overload ? ApiErrorCode::kOverloaded : openai::code_of_status(status);
    error.message = std::string(message);
    if (is_overload) error.param.emplace("http_body_memory");
    const std::string id = impl->ids.make_request_id();
    net::HttpHeaders headers = impl->options.cors.headers_of_any();
    headers.push_back({"x-request-id", id});
    headers.push_back({"x-penstock-request-id", id});
    net::HttpResponse response = error_response(error, impl->options, std::move(headers));
    if (!is_overload) response.status = status;
    return response;
  };
}

AdminView Frontend::admin_view() {
  return {.options = impl_->options,
          .clock = impl_->deps.clock,
          .ledger = impl_->deps.ledger,
          .service = [impl = impl_.get()] { return impl->service_view(); },
          .models = impl_->models,
          .access = impl_->access,
          .explain = impl_->explain,
          .ids = impl_->ids};
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
