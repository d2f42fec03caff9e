#include "frontend/admin/admin_routes.h"

#include <array>
#include <optional>

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::make_api_error;

// `prefix` ID `suffix`, or the path itself when `has_id` is false.
struct Row {
  std::string_view prefix;
  bool has_id = false;
  std::string_view suffix;
  bool is_post = false;
  std::optional<AdminRoute> route;  // empty: of the API, not in this build
};

constexpr std::array<Row, 18> kRows = {{
    {"/live", false, "", false, AdminRoute::kLive},
    {"/ready", false, "", false, AdminRoute::kReady},
    {"/health", false, "", false, AdminRoute::kHealth},
    {"/metrics", false, "", false, AdminRoute::kMetrics},
    {"/workers", false, "", false, AdminRoute::kWorkers},
    {"/workers/", true, "", false, AdminRoute::kWorker},
    {"/workers/", true, "/drain", true, AdminRoute::kDrain},
    {"/workers/", true, "/resume", true, AdminRoute::kResume},
    {"/workers/", true, "/fence", true, std::nullopt},
    {"/workers/", true, "/unfence", true, std::nullopt},
    {"/workers/", true, "/role", true, std::nullopt},
    {"/busy_threshold", false, "", true, std::nullopt},
    {"/clear_kv_blocks", false, "", true, AdminRoute::kClearKv},
    {"/explain", false, "", false, AdminRoute::kExplainLast},
    {"/explain/", true, "", false, AdminRoute::kExplain},
    {"/ledger", false, "", false, AdminRoute::kLedger},
    {"/tenants", false, "", false, AdminRoute::kTenants},
    {"/config", false, "", false, AdminRoute::kConfig},
}};

std::optional<std::string_view> id_in(const Row& row, std::string_view path) {
  if (!row.has_id) return path == row.prefix ? std::optional(std::string_view()) : std::nullopt;
  if (path.size() <= row.prefix.size() + row.suffix.size()) return std::nullopt;
  if (!path.starts_with(row.prefix) || !path.ends_with(row.suffix)) return std::nullopt;
  path.remove_prefix(row.prefix.size());
  path.remove_suffix(row.suffix.size());
  if (path.find('/') != std::string_view::npos) return std::nullopt;
  return path;
}

}  // namespace

std::variant<AdminMatch, RouteError> find_admin_route(std::string_view method,
                                                      std::string_view path) {
  for (const Row& row : kRows) {
    const auto id = id_in(row, path);
    if (!id) continue;
    if (!row.route) {
      return RouteError{make_api_error(ApiErrorCode::kUnknownUrl, "",
                                       "this build does not have {}{}{}; it serves the workers of "
                                       "its own process, which are neither fenced nor given roles",
                                       row.prefix, row.has_id ? "{id}" : "", row.suffix)
                            .error(),
                        ""};
    }
    const std::string_view allow = row.is_post ? "POST" : "GET, HEAD";
    const bool is_allowed = row.is_post ? method == "POST" : method == "GET" || method == "HEAD";
    if (is_allowed) return AdminMatch{*row.route, *id};
    return RouteError{make_api_error(ApiErrorCode::kMethodNotAllowed, "", "{} takes {}, not {}",
                                     openai::clipped(path), allow, openai::clipped(method))
                          .error(),
                      allow};
  }
  return RouteError{make_api_error(ApiErrorCode::kUnknownUrl, "",
                                   "there is nothing at {} on the admin port; clients ask the "
                                   "public one",
                                   openai::clipped(path))
                        .error(),
                    ""};
}

}  // namespace penstock::frontend
