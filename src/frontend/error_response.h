// An error as a whole HTTP answer.
#pragma once

#include "frontend/options.h"
#include "net/http_server.h"
#include "openai/errors.h"

namespace penstock::frontend {

// `headers` are those every answer of the request carries (its ids).
[[nodiscard]] net::HttpResponse error_response(const openai::ApiError& error,
                                               const FrontendOptions& options,
                                               net::HttpHeaders headers);

// The error for what went wrong inside: the message names the request, nothing else.
[[nodiscard]] openai::ApiError internal_error(std::string_view request_id);

[[nodiscard]] net::HttpResponse json_response(int status, std::string body,
                                              net::HttpHeaders headers);

}  // namespace penstock::frontend
