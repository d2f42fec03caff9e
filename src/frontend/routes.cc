#include "frontend/routes.h"

#include <algorithm>
#include <array>
#include <optional>

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::make_api_error;

struct RouteRow {
  std::string_view path;
  bool is_prefix = false;
  std::string_view allow;      // methods, as the Allow header shows them
  std::optional<Route> route;  // empty: of the API, not built
};

constexpr std::string_view kGet = "GET, HEAD";
constexpr std::string_view kPost = "POST";

constexpr std::array<RouteRow, 14> kRows = {{
    {"/v1/chat/completions", false, kPost, Route::kChat},
    {"/v1/completions", false, kPost, Route::kCompletions},
    {"/v1/models", false, kGet, Route::kModels},
    {"/v1/models/", true, kGet, Route::kModel},
    {"/live", false, kGet, Route::kLive},
    {"/ready", false, kGet, Route::kReady},
    {"/health", false, kGet, Route::kHealth},
    {"/metrics", false, kGet, Route::kMetrics},
    {"/v1/responses", false, kPost, std::nullopt},
    {"/v1/responses/", true, "GET, HEAD, DELETE", std::nullopt},
    {"/v1/embeddings", false, kPost, std::nullopt},
    {"/v1/messages", false, kPost, std::nullopt},
    {"/v1/messages/count_tokens", false, kPost, std::nullopt},
    {"/openapi.json", false, kGet, Route::kOpenApi},
}};

bool is_allowed(std::string_view allow, std::string_view method) {
  for (std::size_t from = 0; from < allow.size();) {
    const std::size_t to = std::min(allow.find(", ", from), allow.size());
    if (allow.substr(from, to - from) == method) return true;
    from = to + 2;
  }
  return false;
}

const RouteRow* find_row(std::string_view path) {
  for (const RouteRow& row : kRows) {
    const bool matches = row.is_prefix ? path.starts_with(row.path) && path.size() > row.path.size()
                                       : path == row.path;
    if (matches) return &row;
  }
  return nullptr;
}

}  // namespace

std::variant<RouteMatch, RouteError> find_route(std::string_view method, std::string_view path) {
  const RouteRow* row = find_row(path);
  if (row == nullptr) {
    return RouteError{
        make_api_error(ApiErrorCode::kUnknownUrl, "",
                       "there is nothing at {}; the API begins at /v1", openai::clipped(path))
            .error(),
        ""};
  }
  if (!is_allowed(row->allow, method)) {
    return RouteError{make_api_error(ApiErrorCode::kMethodNotAllowed, "", "{} takes {}, not {}",
                                     row->path, row->allow, openai::clipped(method))
                          .error(),
                      row->allow};
  }
  if (!row->route) {
    return RouteError{make_api_error(ApiErrorCode::kUnsupportedForModel, "",
                                     "{} is not built yet in this version; use "
                                     "/v1/chat/completions or /v1/completions",
                                     row->path)
                          .error(),
                      ""};
  }
  return RouteMatch{*row->route, row->is_prefix ? path.substr(row->path.size()) : ""};
}

}  // namespace penstock::frontend
