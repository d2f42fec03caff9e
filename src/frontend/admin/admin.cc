#include "frontend/admin/admin.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/secret.h"
#include "frontend/admin/admin_bodies.h"
#include "frontend/admin/admin_routes.h"
#include "frontend/error_response.h"
#include "frontend/request_context.h"
#include "net/http_text.h"

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::ApiStatus;
using openai::make_api_error;
using text::Json;

constexpr Duration kClearTimeout = std::chrono::seconds(10);
constexpr std::size_t kDefaultRecords = 20;

// Names resolve to what their owner likes; numbers and "localhost" do not (DNS rebinding).
bool is_fixed_host(std::string_view host) {
  if (host.starts_with('[')) return true;
  const std::string_view name = host.substr(0, host.find(':'));
  return name == "localhost" || name.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool is_from_a_page(const net::HttpRequest& request) {
  const std::string* host = request.find_header("host");
  return request.find_header("origin") != nullptr || (host != nullptr && !is_fixed_host(*host));
}

ApiResult<std::uint64_t> parse_number(std::string_view text, std::string_view name) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code == std::errc{} && end == text.data() + text.size()) return number;
  return make_api_error(ApiErrorCode::kInvalidValue, name, "{} is '{}'; it must be a number", name,
                        openai::clipped(text));
}

// The body of a POST: an object with no other members than these, or nothing.
ApiResult<Json> parse_body(std::string_view body, std::initializer_list<std::string_view> members) {
  if (body.empty()) return Json(Json::Object{});
  auto json = text::parse_json(body, {.max_depth = 8});
  if (!json) {
    return make_api_error(ApiErrorCode::kInvalidJson, "", "{}", json.error().message());
  }
  if (!json->is_object()) {
    return make_api_error(ApiErrorCode::kInvalidJson, "", "the body is {}; it must be an object",
                          json->type_name());
  }
  for (const auto& [name, value] : json->as_object()) {
    if (std::ranges::find(members, name) != members.end()) continue;
    return make_api_error(ApiErrorCode::kUnknownParameter, openai::clipped(name),
                          "{} is not known here; leave it out", openai::clipped(name));
  }
  return std::move(*json);
}

// Clears that have been asked for and are awaited on the exchange's loop.
struct ClearJob {
  std::shared_ptr<net::HttpExchange> exchange;  // shared with the connection
  net::HttpHeaders headers;
  std::string who;
  std::vector<std::uint64_t> awaited;
  Json::Array cleared;
  Json::Array failed;
  bool is_answered = false;

  void take(std::uint64_t worker_id, const Result<std::uint32_t>& num_freed) {
    if (std::erase(awaited, worker_id) == 0) return;
    const Json id(worker_id);
    if (num_freed) {
      cleared.emplace_back(
          Json::Object{{"worker_id", id}, {"freed_blocks", Json(std::uint64_t{*num_freed})}});
    } else {
      failed.emplace_back(
          Json::Object{{"worker_id", id}, {"error", Json(num_freed.error().message())}});
    }
    if (awaited.empty()) answer();
  }
  void give_up() {
    for (const std::uint64_t worker_id : std::vector(awaited)) {
      take(worker_id, make_error(ErrorCode::kDeadline, "no answer came within {:.0f} s",
                                 to_ms(kClearTimeout) / 1000));
    }
  }
  void answer() {
    if (std::exchange(is_answered, true)) return;
    exchange->cancel_timer();
    log_info("admin: {}: cleared {} workers, failed {}", who, cleared.size(), failed.size());
    exchange->respond(
        json_response(200,
                      text::to_json(Json(Json::Object{{"cleared", Json(std::move(cleared))},
                                                      {"failed", Json(std::move(failed))}})),
                      std::move(headers)));
  }
};

}  // namespace

struct Admin::Impl {
  struct Call {
    std::shared_ptr<net::HttpExchange> exchange;  // shared with the connection
    net::HttpHeaders headers;
    std::string who;  // and what, for the log
  };

  void handle(const std::shared_ptr<net::HttpExchange>& exchange);
  void answer(const AdminMatch& match, Call call);
  ApiResult<Json> show(const AdminMatch& match, const net::HttpRequest& request) const;
  ApiStatus control(const AdminMatch& match, const net::HttpRequest& request) const;
  void clear(Call call) const;
  ApiResult<std::vector<Model*>> to_clear(const net::HttpRequest& request) const;
  ApiResult<const Model*> worker_of(std::string_view id) const;
  ApiResult<Json> records(const net::HttpRequest& request) const;
  ApiResult<Json> ledger(const net::HttpRequest& request) const;
  ApiStatus check_caller(const net::HttpRequest& request) const;

  [[nodiscard]] net::HttpHeaders make_headers(const net::HttpRequest* request) const;
  [[nodiscard]] net::HttpResponse refusal(const openai::ApiError& error,
                                          net::HttpHeaders headers) const {
    return error_response(error, view.options, std::move(headers));
  }
  void respond(Call& call, const ApiResult<Json>& body) const {
    call.exchange->respond(body ? json_response(200, text::to_json(*body), std::move(call.headers))
                                : refusal(body.error(), std::move(call.headers)));
  }

  const AdminOptions options;
  const AdminView view;
};

net::HttpHeaders Admin::Impl::make_headers(const net::HttpRequest* request) const {
  const std::string own = view.ids.make_request_id();
  const std::string* sent = request == nullptr ? nullptr : request->find_header("x-request-id");
  return {{"x-request-id", sent != nullptr && is_correlation_id(*sent) ? *sent : own},
          {"x-penstock-request-id", own}};
}

ApiStatus Admin::Impl::check_caller(const net::HttpRequest& request) const {
  if (!options.token) {
    if (!is_from_a_page(request)) return {};
    return make_api_error(ApiErrorCode::kInvalidApiKey, "",
                          "without --admin-token-file this port takes no requests of web pages, "
                          "nor any whose Host is not a number or localhost");
  }
  constexpr std::string_view kScheme = "bearer ";
  const std::string* sent = request.find_header("authorization");
  const bool has_scheme =
      sent != nullptr &&
      net::equals_ignore_case(std::string_view(*sent).substr(0, kScheme.size()), kScheme);
  const std::string_view token =
      has_scheme ? std::string_view(*sent).substr(kScheme.size()) : std::string_view();
  if (has_scheme && equal_in_constant_time(sha256(token), *options.token)) return {};
  return make_api_error(ApiErrorCode::kInvalidApiKey, "",
                        "the admin token is missing or wrong; send Authorization: Bearer TOKEN "
                        "with what --admin-token-file holds");
}

void Admin::Impl::handle(const std::shared_ptr<net::HttpExchange>& exchange) {
  const net::HttpRequest& request = exchange->request();
  net::HttpHeaders headers = make_headers(&request);
  // Again, for servers without header_check().
  if (const ApiStatus allowed = check_caller(request); !allowed) {
    return exchange->respond(refusal(allowed.error(), std::move(headers)));
  }
  const auto found = find_admin_route(request.method, request.path);
  if (const auto* wrong = std::get_if<RouteError>(&found)) {
    net::HttpResponse response = refusal(wrong->error, std::move(headers));
    if (!wrong->allow.empty()) response.headers.push_back({"allow", std::string(wrong->allow)});
    return exchange->respond(std::move(response));
  }
  Call call{.exchange = exchange, .headers = std::move(headers), .who = {}};
  call.who = format("{} (request {}): {} {} {}",
                    options.token ? "the holder of the token" : "a caller without a token",
                    call.headers.front().value, request.method, openai::clipped(request.path),
                    openai::clipped(request.body, 256));
  answer(std::get<AdminMatch>(found), std::move(call));
}

void Admin::Impl::answer(const AdminMatch& match, Call call) {
  const net::HttpRequest& request = call.exchange->request();
  const auto serve = [&](Route route) {
    call.exchange->respond(
        service_response(route, view.service(), request.query, std::move(call.headers)));
  };
  switch (match.route) {
    case AdminRoute::kLive:
      return serve(Route::kLive);
    case AdminRoute::kReady:
      return serve(Route::kReady);
    case AdminRoute::kHealth:
      return serve(Route::kHealth);
    case AdminRoute::kMetrics:
      return serve(Route::kMetrics);
    case AdminRoute::kConfig:
      return call.exchange->respond(json_response(200, options.config, std::move(call.headers)));
    case AdminRoute::kClearKv:
      return clear(std::move(call));
    case AdminRoute::kDrain:
    case AdminRoute::kResume: {
      const ApiStatus done = control(match, request);
      log_info("admin: {}: {}", call.who, done ? "done" : done.error().message);
      return call.exchange->respond(done ? json_response(202, "{}", std::move(call.headers))
                                         : refusal(done.error(), std::move(call.headers)));
    }
    case AdminRoute::kWorkers:
    case AdminRoute::kWorker:
    case AdminRoute::kExplainLast:
    case AdminRoute::kExplain:
    case AdminRoute::kLedger:
    case AdminRoute::kTenants:
      return respond(call, show(match, request));
  }
}

ApiResult<Json> Admin::Impl::show(const AdminMatch& match, const net::HttpRequest& request) const {
  switch (match.route) {
    case AdminRoute::kWorkers:
      return workers_json(view.models);
    case AdminRoute::kWorker: {
      ASSIGN_OR_RETURN_API(const Model* const model, worker_of(match.id));
      return worker_json(*model);
    }
    case AdminRoute::kExplain: {
      const auto record = view.explain.find(match.id);
      if (record) return record_json(*record);
      return make_api_error(ApiErrorCode::kUnknownUrl, "",
                            "no record of the request '{}': it has not ended, never came here, or "
                            "is older than the last {} (--explain-records)",
                            openai::clipped(match.id, 128), view.options.explain_records);
    }
    case AdminRoute::kExplainLast:
      return records(request);
    case AdminRoute::kLedger:
      return ledger(request);
    default:
      CHECK(match.route == AdminRoute::kTenants);
      return tenants_json(view.access, view.clock.now());
  }
}

ApiResult<Json> Admin::Impl::records(const net::HttpRequest& request) const {
  const std::string last = query_value(request.query, "last");
  if (last.empty()) return records_json(view.explain.last(kDefaultRecords));
  ASSIGN_OR_RETURN_API(const std::uint64_t count, parse_number(last, "last"));
  return records_json(view.explain.last(count));
}

ApiResult<Json> Admin::Impl::ledger(const net::HttpRequest& request) const {
  LedgerWish wish;
  wish.only_nonzero = query_value(request.query, "nonzero") == "1";
  if (const std::string id = query_value(request.query, "worker_id"); !id.empty()) {
    ASSIGN_OR_RETURN_API(const Model* const model, worker_of(id));
    wish.worker_id = model->worker_id;
  }
  return ledger_json(view.ledger, view.models, wish);
}

ApiResult<const Model*> Admin::Impl::worker_of(std::string_view id) const {
  ASSIGN_OR_RETURN_API(const std::uint64_t number, parse_number(id, "worker_id"));
  if (const Model* const model = find_worker(view.models, number)) return model;
  return make_api_error(ApiErrorCode::kUnknownUrl, "worker_id",
                        "there is no worker {}; GET /workers lists those that are", number);
}

ApiStatus Admin::Impl::control(const AdminMatch& match, const net::HttpRequest& request) const {
  ASSIGN_OR_RETURN_API(const Model* const model, worker_of(match.id));
  ASSIGN_OR_RETURN_API(const Json body, parse_body(request.body, {"timeout_ms"}));
  if (const Json* timeout = body.find("timeout_ms"); timeout != nullptr && !timeout->is_null()) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, "timeout_ms",
                          "a worker of this process lets what runs come to its end; leave "
                          "timeout_ms out");
  }
  const auto& tell =
      match.route == AdminRoute::kDrain ? model->control.drain : model->control.resume;
  if (!tell) {
    return make_api_error(ApiErrorCode::kUnsupportedParameter, "worker_id",
                          "worker {} cannot be told this", model->worker_id);
  }
  tell();
  return {};
}

ApiResult<std::vector<Model*>> Admin::Impl::to_clear(const net::HttpRequest& request) const {
  ASSIGN_OR_RETURN_API(const Json body, parse_body(request.body, {"worker_id", "model"}));
  const Json* id = body.find("worker_id");
  const Json* name = body.find("model");
  if (id != nullptr && !id->is_null() && !(id->is_int() && id->as_int() >= 0)) {
    return make_api_error(ApiErrorCode::kInvalidValue, "worker_id",
                          "worker_id is {}; it must be a worker's number", id->type_name());
  }
  if (name != nullptr && !name->is_null() && !name->is_string()) {
    return make_api_error(ApiErrorCode::kInvalidValue, "model",
                          "model is {}; it must be a model's name", name->type_name());
  }
  std::vector<Model*> chosen;
  for (const auto& model : view.models.all()) {
    const bool by_id = id == nullptr || id->is_null() || id->as_uint64() == model->worker_id;
    const bool by_name =
        name == nullptr || name->is_null() || view.models.find(name->as_string()) == model.get();
    if (by_id && by_name) chosen.push_back(model.get());
  }
  if (!chosen.empty()) return chosen;
  return make_api_error(ApiErrorCode::kInvalidValue, "worker_id",
                        "no worker has this worker_id and model; GET /workers lists those that "
                        "are");
}

void Admin::Impl::clear(Call call) const {
  const auto models = to_clear(call.exchange->request());
  if (!models) {
    log_info("admin: {}: {}", call.who, models.error().message);
    return call.exchange->respond(refusal(models.error(), std::move(call.headers)));
  }
  // Shared with the workers' answers and the timer.
  const auto job = std::make_shared<ClearJob>();
  job->exchange = call.exchange;
  job->headers = std::move(call.headers);
  job->who = std::move(call.who);
  for (const Model* model : *models) job->awaited.push_back(model->worker_id);
  call.exchange->set_timer(kClearTimeout, [weak = std::weak_ptr(job)] {
    if (const auto late = weak.lock()) late->give_up();
  });
  for (Model* const model : *models) {
    model->stream.clear_kv([job, id = model->worker_id](Result<std::uint32_t> num_freed) {
      job->exchange->post(
          [job, id, num_freed = std::move(num_freed)] { job->take(id, num_freed); });
    });
  }
}

Admin::Admin(AdminOptions options, AdminView view)
    : impl_(new Impl{.options = std::move(options), .view = std::move(view)}) {}

Admin::~Admin() = default;

net::HttpHandler Admin::handler() {
  return [impl = impl_.get()](const std::shared_ptr<net::HttpExchange>& exchange) {
    impl->handle(exchange);
  };
}

net::HttpHeaderCheck Admin::header_check() {
  return [impl = impl_.get()](const net::HttpRequest& request) -> std::optional<net::HttpResponse> {
    const ApiStatus allowed = impl->check_caller(request);
    if (allowed) return std::nullopt;
    return impl->refusal(allowed.error(), impl->make_headers(&request));
  };
}

net::HttpErrorBody Admin::error_body() {
  return [impl = impl_.get()](int status, std::string_view message) {
    openai::ApiError error;
    error.code = openai::code_of_status(status);
    error.message = std::string(message);
    net::HttpResponse response = impl->refusal(error, impl->make_headers(nullptr));
    response.status = status;
    return response;
  };
}

}  // namespace penstock::frontend
