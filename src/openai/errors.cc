#include "openai/errors.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "text/json.h"
#include "text/utf8.h"

namespace penstock::openai {
namespace {

using enum ApiErrorCode;

constexpr std::string_view kInvalidRequest = "invalid_request_error";
constexpr std::string_view kServer = "server_error";

// In the order of the enum.
constexpr std::array<ApiErrorRow, kNumApiErrorCodes> kRows = {{
    {kInvalidJson, 400, kInvalidRequest, "invalid_json", "validation"},
    {kInvalidValue, 400, kInvalidRequest, "invalid_value", "validation"},
    {kMissingParameter, 400, kInvalidRequest, "missing_parameter", "validation"},
    {kUnknownParameter, 400, kInvalidRequest, "unknown_parameter", "validation"},
    {kUnsupportedParameter, 400, kInvalidRequest, "unsupported_parameter", "validation"},
    {kUnsupportedContent, 400, kInvalidRequest, "unsupported_content", "validation"},
    {kInvalidSchema, 400, kInvalidRequest, "invalid_schema", "validation"},
    {kUnsupportedForModel, 400, kInvalidRequest, "unsupported_for_model", "validation"},
    {kContextLengthExceeded, 400, kInvalidRequest, "context_length_exceeded", "validation"},
    {kKvCapacityExceeded, 400, kInvalidRequest, "kv_capacity_exceeded", "validation"},
    {kInvalidApiKey, 401, "authentication_error", "invalid_api_key", "unauthorized"},
    {kRoutingNotAllowed, 403, "permission_error", "routing_not_allowed", "unauthorized"},
    {kModelNotFound, 404, kInvalidRequest, "model_not_found", "not_found"},
    {kUnknownUrl, 404, kInvalidRequest, "unknown_url", "not_found"},
    {kMethodNotAllowed, 405, kInvalidRequest, "method_not_allowed", "validation"},
    {kRequestTimeout, 408, kInvalidRequest, "request_timeout", "validation"},
    {kRequestTooLarge, 413, kInvalidRequest, "request_too_large", "validation"},
    {kUnsupportedMediaType, 415, kInvalidRequest, "unsupported_media_type", "validation"},
    {kHeadersTooLarge, 431, kInvalidRequest, "headers_too_large", "validation"},
    {kRateLimitExceeded, 429, "rate_limit_error", "rate_limit_exceeded", "rate_limit"},
    {kOverloaded, 429, "overloaded_error", "overloaded", "overload"},
    {kNoReadyWorker, 503, kServer, "no_ready_worker", "unavailable"},
    {kDraining, 503, kServer, "draining", "unavailable"},
    {kWorkerLost, 503, kServer, "worker_lost", "unavailable"},
    {kSlowConsumer, 503, kServer, "slow_consumer", "unavailable"},
    {kDeadlineExceeded, 504, "timeout_error", "deadline_exceeded", "deadline"},
    {kInternalError, 500, kServer, "internal_error", "internal"},
    {kClientClosedRequest, 499, kInvalidRequest, "client_closed_request", "cancelled"},
}};

constexpr bool rows_are_in_enum_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].code) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_enum_order());

// Paths and headers are quoted in messages and may hold any bytes; a body is UTF-8.
void append_foreign(std::string& out, std::string_view text) {
  const bool is_valid = text::find_invalid_utf8(text) == std::string_view::npos;
  text::append_json_string(out, is_valid ? text : text::replace_invalid_utf8(text));
}

}  // namespace

const ApiErrorRow& row_of(ApiErrorCode code) noexcept {
  return kRows[static_cast<std::size_t>(code)];
}

ApiErrorCode code_of_status(int status) noexcept {
  switch (status) {
    case 405:
      return kMethodNotAllowed;
    case 408:
      return kRequestTimeout;
    case 413:
      return kRequestTooLarge;
    case 415:
      return kUnsupportedMediaType;
    case 431:
      return kHeadersTooLarge;
    default:
      return status >= 400 && status < 500 ? kInvalidValue : kInternalError;
  }
}

void append_error_body(std::string& out, const ApiError& error) {
  const ApiErrorRow& row = row_of(error.code);
  out += R"({"error":{"message":)";
  append_foreign(out, error.message);
  out += R"(,"type":")";
  out += row.type;
  out += R"(","param":)";
  if (error.param) {
    append_foreign(out, *error.param);
  } else {
    out += "null";
  }
  out += R"(,"code":")";
  out += row.name;
  out += "\"}}";
}

std::string error_body(const ApiError& error) {
  std::string out;
  append_error_body(out, error);
  return out;
}

std::string clipped(std::string_view value, std::size_t max_bytes) {
  if (value.size() <= max_bytes) return std::string(value);
  std::string_view head = value.substr(0, max_bytes);
  head.remove_suffix(text::incomplete_utf8_tail(head));
  return std::string(head) + "...";
}

}  // namespace penstock::openai
