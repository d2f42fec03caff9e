// The routes of the public port: which path and method means what.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

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

struct RouteMatch {
  Route route{};
  std::string_view rest;  // of the path, behind a prefix route
};

// What is wrong with path or method; `allow` is the Allow header of a 405.
struct RouteError {
  openai::ApiError error;
  std::string_view allow;
};

// HEAD is taken wherever GET is. `path` outlives the match.
[[nodiscard]] std::variant<RouteMatch, RouteError> find_route(std::string_view method,
                                                              std::string_view path);

}  // namespace penstock::frontend
