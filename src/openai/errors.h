// Every error a client can get: one table from code to status and type, and the body's shape.
//
//   return make_api_error(ApiErrorCode::kInvalidValue, "temperature",
//                         "temperature is {}; it must be between 0 and 2", value);
//
// A message names the value, the limit and what to do; for 5xx it never holds internal text, paths
// or addresses. Threading: values.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/format.h"

namespace penstock::openai {

enum class ApiErrorCode : std::uint8_t {
  kInvalidJson,
  kInvalidValue,
  kMissingParameter,
  kUnknownParameter,
  kUnsupportedParameter,
  kUnsupportedContent,
  kInvalidSchema,
  kUnsupportedForModel,
  kContextLengthExceeded,
  kKvCapacityExceeded,
  kInvalidApiKey,
  kRoutingNotAllowed,
  kModelNotFound,
  kUnknownUrl,
  kMethodNotAllowed,
  kRequestTimeout,
  kRequestTooLarge,
  kUnsupportedMediaType,
  kHeadersTooLarge,
  kRateLimitExceeded,
  kOverloaded,
  kNoReadyWorker,
  kDraining,
  kWorkerLost,
  kSlowConsumer,
  kDeadlineExceeded,
  kInternalError,
  kClientClosedRequest,  // logs and metrics only: nobody is left to read it
};
inline constexpr std::size_t kNumApiErrorCodes = 28;

struct ApiErrorRow {
  ApiErrorCode code{};
  int status = 500;
  std::string_view type;          // "invalid_request_error"
  std::string_view name;          // "invalid_value"
  std::string_view metric_label;  // error_type of requests_total: "validation"
};

[[nodiscard]] const ApiErrorRow& row_of(ApiErrorCode code) noexcept;
// The code for what the HTTP server refuses by itself; kInvalidValue for any other 4xx,
// kInternalError for the rest.
[[nodiscard]] ApiErrorCode code_of_status(int status) noexcept;

struct ApiError {
  ApiErrorCode code = ApiErrorCode::kInternalError;
  std::string message;
  std::optional<std::string> param;            // field path or header name
  std::optional<std::uint32_t> retry_after_s;  // becomes Retry-After
};

template <class T>
using ApiResult = std::expected<T, ApiError>;
using ApiStatus = std::expected<void, ApiError>;

// `param` may be empty: null in the body.
template <class... Args>
[[nodiscard]] std::unexpected<ApiError> make_api_error(ApiErrorCode code, std::string_view param,
                                                       format_string<Args...> text,
                                                       Args&&... args) {
  ApiError error;
  error.code = code;
  error.message = format(text, std::forward<Args>(args)...);
  if (!param.empty()) error.param = std::string(param);
  return std::unexpected<ApiError>(std::move(error));
}

// {"error":{"message","type","param","code"}}
void append_error_body(std::string& out, const ApiError& error);
[[nodiscard]] std::string error_body(const ApiError& error);

// Foreign text for use in a message: at most `max_bytes` of it, whole characters.
[[nodiscard]] std::string clipped(std::string_view value, std::size_t max_bytes = 64);

}  // namespace penstock::openai

// As RETURN_IF_ERROR and ASSIGN_OR_RETURN, for ApiStatus and ApiResult.
#define RETURN_IF_API_ERROR(expr)                                                               \
  do {                                                                                          \
    if (auto penstock_status = (expr); !penstock_status)                                        \
      return std::unexpected<::penstock::openai::ApiError>(std::move(penstock_status).error()); \
  } while (false)

#define PENSTOCK_API_CONCAT_INNER(a, b) a##b
#define PENSTOCK_API_CONCAT(a, b) PENSTOCK_API_CONCAT_INNER(a, b)
#define ASSIGN_OR_RETURN_API(decl, expr) \
  PENSTOCK_ASSIGN_OR_RETURN_API(PENSTOCK_API_CONCAT(penstock_api_result_, __LINE__), decl, expr)
#define PENSTOCK_ASSIGN_OR_RETURN_API(result, decl, expr)                                       \
  auto result = (expr);                                                                         \
  if (!result) return std::unexpected<::penstock::openai::ApiError>(std::move(result).error()); \
  decl = std::move(*result)
