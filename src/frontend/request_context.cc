#include "frontend/request_context.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::ApiResult;
using openai::ApiStatus;
using openai::make_api_error;

// Pins name one of several workers; there is nothing to choose from yet.
constexpr std::array<std::string_view, 8> kPinHeaders = {
    "x-penstock-worker-id",         "x-penstock-dp-rank",          "x-penstock-prefill-worker-id",
    "x-penstock-prefill-dp-rank",   "x-dynamo-worker-instance-id", "x-dynamo-dp-rank",
    "x-dynamo-prefill-instance-id", "x-dynamo-prefill-dp-rank"};

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
  return {{"x-request-id", correlation_id}, {"x-penstock-request-id", request_id}};
}

RequestContext make_context(const net::HttpRequest& request, std::string request_id,
                            const FrontendOptions& options) {
  RequestContext context;
  const std::string* sent = request.find_header("x-request-id");
  context.correlation_id = sent != nullptr && is_correlation_id(*sent) ? *sent : request_id;
  context.request_id = std::move(request_id);
  context.received_at = request.received_at;
  context.deadline = request.received_at + std::min(options.default_deadline, options.max_deadline);
  return context;
}

ApiStatus read_headers(const net::HttpRequest& request, const FrontendOptions& options, Now now,
                       RequestContext& context) {
  if (const std::string* sent = request.find_header("x-request-id");
      sent != nullptr && !is_correlation_id(*sent)) {
    return make_api_error(ApiErrorCode::kInvalidValue, "x-request-id",
                          "the header x-request-id must have 1 to 128 characters of A-Z, a-z, 0-9, "
                          "'.', '_', ':', '-'");
  }
  for (const std::string_view pin : kPinHeaders) {
    if (request.find_header(pin) == nullptr) continue;
    return make_api_error(ApiErrorCode::kUnsupportedParameter, pin,
                          "the header {} is not built yet in this version; leave it out", pin);
  }
  ASSIGN_OR_RETURN_API(
      context.priority,
      integer_header<std::int32_t>(request, "x-penstock-priority", "x-dynamo-request-priority"));
  ASSIGN_OR_RETURN_API(context.strict_priority,
                       integer_header<std::uint32_t>(request, "x-penstock-strict-priority",
                                                     "x-dynamo-request-strict-priority"));
  return read_deadline(request, options, now, context);
}

}  // namespace penstock::frontend
