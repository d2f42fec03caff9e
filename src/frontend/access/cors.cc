#include "frontend/access/cors.h"

#include <algorithm>

namespace penstock::frontend {
namespace {

// What a page may send beyond the harmless headers: those this API reads, and those the official
// clients add by themselves.
constexpr std::string_view kRequestHeaders =
    "authorization, x-api-key, content-type, x-request-id, x-penstock-timeout-ms, "
    "x-penstock-deadline-ms, x-penstock-priority, x-penstock-strict-priority, "
    "x-penstock-session-id, x-penstock-worker-id, x-penstock-dp-rank, "
    "x-penstock-prefill-worker-id, x-penstock-prefill-dp-rank, x-dynamo-request-priority, "
    "x-dynamo-request-strict-priority, x-dynamo-session-id, x-dynamo-worker-instance-id, "
    "x-dynamo-dp-rank, x-dynamo-prefill-instance-id, x-dynamo-prefill-dp-rank, traceparent, "
    "openai-organization, openai-project, anthropic-version, anthropic-beta, "
    "anthropic-dangerous-direct-browser-access, x-stainless-arch, x-stainless-helper-method, "
    "x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, "
    "x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout";
// What a page may read beyond the harmless headers.
constexpr std::string_view kAnswerHeaders =
    "x-request-id, x-penstock-request-id, x-penstock-ignored, x-penstock-worker, x-penstock-why, "
    "x-penstock-migrations, server-timing, retry-after, www-authenticate";
// Two hours, the longest that any browser keeps it.
constexpr std::string_view kMaxAgeS = "7200";

// scheme://host[:port], nothing behind it.
bool is_origin(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(colon + 3);
  return !host.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7F'; }) &&
         host.find_first_of("/?#@*,") == std::string_view::npos &&
         std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

Result<Cors> Cors::allow(const std::vector<std::string>& origins) {
  Cors cors;
  for (const std::string& origin : origins) {
    if (origin == "*") {
      cors.allows_all_ = true;
    } else if (is_origin(origin)) {
      cors.origins_.push_back(origin);
    } else {
      return make_error(ErrorCode::kInvalid,
                        "--cors-origin '{}' is no origin; write scheme://host or "
                        "scheme://host:port in lower case and without a path, as in "
                        "https://chat.example, or *",
                        origin);
    }
  }
  return cors;
}

bool Cors::allows(std::string_view origin) const {
  return allows_all_ || std::ranges::find(origins_, origin) != origins_.end();
}

net::HttpHeaders Cors::headers_for(std::string_view origin) const {
  net::HttpHeaders headers;
  headers.push_back({"access-control-allow-origin", std::string(allows_all_ ? "*" : origin)});
  headers.push_back({"access-control-expose-headers", std::string(kAnswerHeaders)});
  headers.push_back({"vary", "Origin"});
  return headers;
}

net::HttpHeaders Cors::headers(const net::HttpRequest& request) const {
  if (!is_on()) return {};
  const std::string* origin = request.find_header("origin");
  if (origin != nullptr && allows(*origin)) return headers_for(*origin);
  // A cache must not give this answer to a page that may read it.
  return {{"vary", "Origin"}};
}

net::HttpHeaders Cors::headers_of_any() const {
  if (!is_on()) return {};
  if (allows_all_ || origins_.size() == 1) {
    return headers_for(allows_all_ ? "*" : std::string_view(origins_.front()));
  }
  return {{"vary", "Origin"}};
}

net::HttpResponse Cors::preflight(const net::HttpRequest& request, std::string_view allow,
                                  net::HttpHeaders headers) const {
  net::HttpResponse response;
  response.status = 204;
  response.headers = std::move(headers);
  response.headers.push_back({"allow", std::string(allow)});
  const std::string* origin = request.find_header("origin");
  if (origin != nullptr && allows(*origin)) {
    response.headers.push_back({"access-control-allow-methods", std::string(allow)});
    response.headers.push_back({"access-control-allow-headers", std::string(kRequestHeaders)});
    response.headers.push_back({"access-control-max-age", std::string(kMaxAgeS)});
  }
  return response;
}

}  // namespace penstock::frontend
