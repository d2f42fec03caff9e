// What a request is called and how long it may take: its ids and its headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "frontend/options.h"
#include "net/http_server.h"
#include "openai/errors.h"

namespace penstock::frontend {

struct RequestContext {
  std::string request_id;      // minted here, unique
  std::string correlation_id;  // the client's x-request-id, else the request id
  MonotonicTime received_at{};
  MonotonicTime deadline{};
  std::optional<std::int32_t> priority;  // these win over the request's own
  std::optional<std::uint32_t> strict_priority;

  // x-request-id and x-penstock-request-id.
  [[nodiscard]] net::HttpHeaders headers() const;
};

// Ids and the default deadline; never fails, so that every answer can carry its ids. A correlation
// id that breaks the rules is left out here and named by read_headers().
[[nodiscard]] RequestContext make_context(const net::HttpRequest& request, std::string request_id,
                                          const FrontendOptions& options);

struct Now {
  MonotonicTime monotonic{};
  std::int64_t unix_us = 0;
};

// Deadline, priority and pins. An error names the header as its param.
[[nodiscard]] openai::ApiStatus read_headers(const net::HttpRequest& request,
                                             const FrontendOptions& options, Now now,
                                             RequestContext& context);

// 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':', '-'.
[[nodiscard]] bool is_correlation_id(std::string_view text) noexcept;

}  // namespace penstock::frontend
