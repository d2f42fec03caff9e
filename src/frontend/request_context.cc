#include "frontend/request_context.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "openai/field_check.h"
#include "openai/header_table.h"

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::ApiStatus;
using openai::make_api_error;

struct PinHeader {
  std::string_view name;
  std::string_view alias;
};
constexpr PinHeader kWorkerPin{"x-penstock-worker-id", "x-dynamo-worker-instance-id"};
constexpr PinHeader kRankPin{"x-penstock-dp-rank", "x-dynamo-dp-rank"};
constexpr std::array<PinHeader, 2> kPrefillPins = {{
    {"x-penstock-prefill-worker-id", "x-dynamo-prefill-instance-id"},
    {"x-penstock-prefill-dp-rank", "x-dynamo-prefill-dp-rank"},
}};

template <class Integer>
ApiResult<std::optional<Integer>> integer_header(const net::HttpRequest& request,
                                                 std::string_view name, std::string_view alias) {
  const std::string* value = request.find_header(name);
  std::string_view used = name;
  if (value == nullptr && !alias.empty()) {
    value = request.find_header(alias);
    used = alias;
  }
  if (value == nullptr) return std::optional<Integer>();
  Integer number{};
  const auto [end, code] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (code != std::errc{} || end != value->data() + value->size()) {
    return make_api_error(ApiErrorCode::kInvalidValue, used,
                          "the header {} is '{}'; it must be an integer", used,
                          openai::clipped(*value));
  }
  return std::optional<Integer>(number);
}

ApiStatus check_may_pin(const net::HttpRequest& request, const Tenant& tenant) {
  if (tenant.policy().allow_routing) return {};
  for (const PinHeader& pin : {kWorkerPin, kRankPin, kPrefillPins[0], kPrefillPins[1]}) {
    for (const std::string_view name : {pin.name, pin.alias}) {
      if (request.find_header(name) == nullptr) continue;
      return make_api_error(ApiErrorCode::kRoutingNotAllowed, name,
                            "the header {} chooses a worker, which this API key may not do; leave "
                            "it out",
                            name);
    }
  }
  return {};
}

ApiStatus read_pins(const net::HttpRequest& request, RequestContext& context) {
  RETURN_IF_API_ERROR(check_may_pin(request, *context.caller.tenant));
  for (const PinHeader& pin : kPrefillPins) {
    for (const std::string_view name : {pin.name, pin.alias}) {
      if (request.find_header(name) == nullptr) continue;
      return make_api_error(ApiErrorCode::kUnsupportedParameter, name,
                            "the header {} names a prefill worker, and there is none here; leave "
                            "it out",
                            name);
    }
  }
  ASSIGN_OR_RETURN_API(context.pinned_worker,
                       integer_header<std::uint64_t>(request, kWorkerPin.name, kWorkerPin.alias));
  ASSIGN_OR_RETURN_API(const auto rank,
                       integer_header<std::uint32_t>(request, kRankPin.name, kRankPin.alias));
  if (rank.value_or(0) == 0) return {};
  const bool is_own = request.find_header(kRankPin.name) != nullptr;
  return make_api_error(ApiErrorCode::kInvalidValue, is_own ? kRankPin.name : kRankPin.alias,
                        "rank {} does not exist; every worker here has rank 0 alone", *rank);
}

ApiStatus read_deadline(const net::HttpRequest& request, const FrontendOptions& options, Now now,
                        RequestContext& context) {
  using Us = std::chrono::microseconds;
  // Far beyond any cap, and safe to add to a clock.
  constexpr std::int64_t kMostMs = std::int64_t{1} << 40;
  ASSIGN_OR_RETURN_API(const auto timeout_ms,
                       integer_header<std::uint64_t>(request, "x-penstock-timeout-ms", ""));
  ASSIGN_OR_RETURN_API(const auto deadline_ms,
                       integer_header<std::int64_t>(request, "x-penstock-deadline-ms", ""));
  MonotonicTime deadline = MonotonicTime::max();
  if (timeout_ms) {
    const auto ms = static_cast<std::int64_t>(std::min<std::uint64_t>(*timeout_ms, kMostMs));
    deadline = std::min(deadline, context.received_at + std::chrono::milliseconds(ms));
  }
  if (deadline_ms) {
    const std::int64_t now_ms = now.unix_us / 1000;
    const std::int64_t left_ms = std::clamp(*deadline_ms, now_ms - kMostMs, now_ms + kMostMs);
    deadline = std::min(deadline, now.monotonic + Us(left_ms * 1000 - now.unix_us));
  }
  if (!timeout_ms && !deadline_ms) deadline = context.received_at + options.default_deadline;
  context.deadline = std::min(deadline, context.received_at + options.max_deadline);
  if (const auto& longest = context.caller.tenant->policy().max_deadline) {
    context.deadline = std::min(context.deadline, context.received_at + *longest);
  }
  return {};
}

// Headers that are texts keep to their table's form; those that are numbers are read below.
ApiStatus check_text_headers(const net::HttpRequest& request) {
  for (const openai::HeaderSpec& header : openai::request_headers()) {
    if (!has_kind(header.value.kinds, openai::Kind::kString)) continue;
    for (const std::string_view name : {header.name, header.alias}) {
      const std::string* value = name.empty() ? nullptr : request.find_header(name);
      if (value == nullptr) continue;
      RETURN_IF_API_ERROR(openai::check_text(*value, header.value.text, openai::FieldPath(name)));
    }
  }
  return {};
}

}  // namespace

bool is_correlation_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

net::HttpHeaders RequestContext::headers() const {
  net::HttpHeaders headers = {{"x-request-id", correlation_id},
                              {"x-penstock-request-id", request_id}};
  headers.insert(headers.end(), cors_headers.begin(), cors_headers.end());
  return headers;
}

RequestContext make_context(const net::HttpRequest& request, std::string request_id,
                            const FrontendOptions& options) {
  RequestContext context;
  const std::string* sent = request.find_header("x-request-id");
  context.correlation_id = sent != nullptr && is_correlation_id(*sent) ? *sent : request_id;
  context.request_id = std::move(request_id);
  context.received_at = request.received_at;
  context.cors_headers = options.cors.headers(request);
  context.deadline = request.received_at + std::min(options.default_deadline, options.max_deadline);
  return context;
}

ApiStatus read_headers(const net::HttpRequest& request, const FrontendOptions& options, Now now,
                       RequestContext& context) {
  RETURN_IF_API_ERROR(check_text_headers(request));
  RETURN_IF_API_ERROR(read_pins(request, context));
  ASSIGN_OR_RETURN_API(
      context.priority,
      integer_header<std::int32_t>(request, "x-penstock-priority", "x-dynamo-request-priority"));
  ASSIGN_OR_RETURN_API(context.strict_priority,
                       integer_header<std::uint32_t>(request, "x-penstock-strict-priority",
                                                     "x-dynamo-request-strict-priority"));
  return read_deadline(request, options, now, context);
}

}  // namespace penstock::frontend
