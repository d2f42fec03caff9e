// The routes of the public port: which path and method means what.
//
// Threading: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "openai/errors.h"

namespace penstock::frontend {

enum class Route : std::uint8_t {
  kChat,
  kCompletions,
  kModels,
  kModel,  // `rest` is the id
  kLive,
  kReady,
  kHealth,
  kMetrics,
  kOpenApi,
};

// Whether a caller must say who it is. What probes and scrapers ask needs no key.
[[nodiscard]] bool needs_key(Route route) noexcept;

struct RouteMatch {
  Route route{};
  std::string_view rest;  // of the path, behind a prefix route
};

// What is wrong with path or method; `allow` is the Allow header of a 405.
struct RouteError {
  openai::ApiError error;
  std::string_view allow;
};

class RouteTable final {
 public:
  // The standard paths.
  RouteTable();
  // Some of them moved: "chat=/x/chat" (--http-path). A moved route's old path is unknown.
  [[nodiscard]] static Result<RouteTable> moved(const std::vector<std::string>& moves);

  // HEAD is taken wherever GET is. `path` outlives the match, the table the error.
  [[nodiscard]] std::variant<RouteMatch, RouteError> find(std::string_view method,
                                                          std::string_view path) const;
  // As the Allow header shows them; empty for an unknown path.
  [[nodiscard]] std::string_view allowed_methods(std::string_view path) const;
  // Where a route is; of one with something behind its path, what comes before that.
  [[nodiscard]] const std::string& path_of(Route route) const;

 private:
  struct Row {
    std::string_view name;  // of --http-path; empty: cannot be moved
    std::string path;
    bool is_prefix = false;
    std::string_view allow;
    std::optional<Route> route;  // empty: of the API, not built
  };

  [[nodiscard]] Status move(std::string_view move);
  [[nodiscard]] const Row* find_row(std::string_view path) const;

  std::vector<Row> rows_;
};

}  // namespace penstock::frontend
