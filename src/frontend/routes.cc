#include "frontend/routes.h"

#include <algorithm>

#include "base/check.h"

namespace penstock::frontend {
namespace {

using openai::ApiErrorCode;
using openai::make_api_error;

constexpr std::string_view kGet = "GET, HEAD";
constexpr std::string_view kPost = "POST";
constexpr std::string_view kMovable =
    "chat, completions, responses, embeddings, models, messages, health, live, ready, metrics";

bool is_allowed(std::string_view allow, std::string_view method) {
  for (std::size_t from = 0; from < allow.size();) {
    const std::size_t to = std::min(allow.find(", ", from), allow.size());
    if (allow.substr(from, to - from) == method) return true;
    from = to + 2;
  }
  return false;
}

// Absolute, of characters that need no encoding, and not a folder.
bool is_movable_to(std::string_view path) {
  return path.size() > 1 && path.starts_with('/') && !path.ends_with('/') &&
         path.find("//") == std::string_view::npos && std::ranges::all_of(path, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '/' || c == '-' || c == '_' || c == '.' || c == '~';
         });
}

}  // namespace

bool needs_key(Route route) noexcept {
  switch (route) {
    case Route::kChat:
    case Route::kCompletions:
    case Route::kModels:
    case Route::kModel:
      return true;
    case Route::kLive:
    case Route::kReady:
    case Route::kHealth:
    case Route::kMetrics:
    case Route::kOpenApi:
      return false;
  }
  return true;
}

RouteTable::RouteTable()
    : rows_{
          {"chat", "/v1/chat/completions", false, kPost, Route::kChat},
          {"completions", "/v1/completions", false, kPost, Route::kCompletions},
          {"models", "/v1/models", false, kGet, Route::kModels},
          {"models", "/v1/models/", true, kGet, Route::kModel},
          {"live", "/live", false, kGet, Route::kLive},
          {"ready", "/ready", false, kGet, Route::kReady},
          {"health", "/health", false, kGet, Route::kHealth},
          {"metrics", "/metrics", false, kGet, Route::kMetrics},
          {"responses", "/v1/responses", false, kPost, std::nullopt},
          {"responses", "/v1/responses/", true, "GET, HEAD, DELETE", std::nullopt},
          {"embeddings", "/v1/embeddings", false, kPost, std::nullopt},
          {"messages", "/v1/messages", false, kPost, std::nullopt},
          {"messages", "/v1/messages/count_tokens", false, kPost, std::nullopt},
          {"", "/openapi.json", false, kGet, Route::kOpenApi},
      } {}

Result<RouteTable> RouteTable::moved(const std::vector<std::string>& moves) {
  RouteTable table;
  for (const std::string& move : moves) RETURN_IF_ERROR(table.move(move));
  return table;
}

Status RouteTable::move(std::string_view move) {
  const std::size_t equals = move.find('=');
  const std::string_view name = move.substr(0, equals);
  const std::string to(equals == std::string_view::npos ? "" : move.substr(equals + 1));
  const auto first = std::ranges::find(rows_, name, &Row::name);
  if (name.empty() || first == rows_.end()) {
    return make_error(ErrorCode::kInvalid,
                      "--http-path '{}' moves no route; write NAME=PATH with one of the names {}",
                      move, kMovable);
  }
  if (!is_movable_to(to)) {
    return make_error(ErrorCode::kInvalid,
                      "--http-path '{}': the path must begin with '/', must not end with it, and "
                      "has letters, digits and '/-_.~' only",
                      move);
  }
  // A route's first row is its own path; the others lie behind it.
  const std::string from = first->path;
  for (Row& row : rows_) {
    if (row.name == name) row.path = to + row.path.substr(from.size());
  }
  for (const Row& row : rows_) {
    const auto is_taken = [&row](const Row& other) {
      return other.name != row.name &&
             (other.path == row.path || (row.is_prefix && other.path.starts_with(row.path)));
    };
    if (std::ranges::none_of(rows_, is_taken)) continue;
    return make_error(ErrorCode::kInvalid,
                      "--http-path '{}': another route lies at {}; choose a "
                      "path of its own",
                      move, row.path);
  }
  return {};
}

const RouteTable::Row* RouteTable::find_row(std::string_view path) const {
  for (const Row& row : rows_) {
    const bool matches = row.is_prefix ? path.starts_with(row.path) && path.size() > row.path.size()
                                       : path == row.path;
    if (matches) return &row;
  }
  return nullptr;
}

std::variant<RouteMatch, RouteError> RouteTable::find(std::string_view method,
                                                      std::string_view path) const {
  const Row* row = find_row(path);
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

std::string_view RouteTable::allowed_methods(std::string_view path) const {
  const Row* row = find_row(path);
  return row == nullptr ? std::string_view() : row->allow;
}

const std::string& RouteTable::path_of(Route route) const {
  const auto row = std::ranges::find(rows_, route, &Row::route);
  CHECK(row != rows_.end());
  return row->path;
}

}  // namespace penstock::frontend
