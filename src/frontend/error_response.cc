#include "frontend/error_response.h"

#include <optional>

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;

std::optional<std::uint32_t> retry_after_s(const openai::ApiError& error) {
  if (error.retry_after_s) return error.retry_after_s;
  switch (error.code) {
    case ApiErrorCode::kOverloaded:
    case ApiErrorCode::kRateLimitExceeded:
    case ApiErrorCode::kWorkerLost:
      return 1;
    case ApiErrorCode::kNoReadyWorker:
      return 5;
    default:
      return std::nullopt;
  }
}

}  // namespace

net::HttpResponse json_response(int status, std::string body, net::HttpHeaders headers) {
  net::HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.headers.push_back({"content-type", "application/json"});
  response.body = std::move(body);
  return response;
}

net::HttpResponse error_response(const openai::ApiError& error, const FrontendOptions& options,
                                 net::HttpHeaders headers) {
  const int status = error.code == ApiErrorCode::kOverloaded ? options.overload_status
                                                             : openai::row_of(error.code).status;
  net::HttpResponse response = json_response(status, openai::error_body(error), std::move(headers));
  if (const auto seconds = retry_after_s(error)) {
    response.headers.push_back({"retry-after", format("{}", *seconds)});
  }
  if (error.code == ApiErrorCode::kInvalidApiKey) {
    response.headers.push_back({"www-authenticate", "Bearer"});
  }
  response.close = error.code == ApiErrorCode::kDraining;
  return response;
}

openai::ApiError internal_error(std::string_view request_id) {
  return openai::make_api_error(ApiErrorCode::kInternalError, "",
                                "something went wrong here; report it with the request id {}",
                                request_id)
      .error();
}

}  // namespace penstock::frontend
