// What a request is called, who asks, and how long it may take: its ids, its caller, its headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "frontend/access/access.h"
#include "frontend/access/admission.h"
#include "frontend/options.h"
#include "net/http_server.h"
#include "openai/errors.h"

namespace penstock::frontend {

struct RequestContext {
  std::string request_id;      // minted here, unique
  std::string correlation_id;  // the client's x-request-id, else the request id
  MonotonicTime received_at{};
  MonotonicTime deadline{};
  // As asked: these win over the request's own hints, and the tenant may lower both (make_submit).
  std::optional<std::int32_t> priority;
  std::optional<std::uint32_t> strict_priority;
  std::optional<std::uint64_t> pinned_worker;
  Caller caller;        // set before anything is asked of a worker
  Admission admission;  // its place in the tenant's quota
  net::HttpHeaders cors_headers;

  // What every answer carries: x-request-id, x-penstock-request-id, and those for web pages.
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

// Deadline, priority and pins, within what the caller's tenant allows. An error names the header as
// its param.
[[nodiscard]] openai::ApiStatus read_headers(const net::HttpRequest& request,
                                             const FrontendOptions& options, Now now,
                                             RequestContext& context);

// 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':', '-'.
[[nodiscard]] bool is_correlation_id(std::string_view text) noexcept;

}  // namespace penstock::frontend
