// The routes of the admin port: which path and method means what. Threading: pure functions.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "frontend/routes.h"

namespace penstock::frontend {

enum class AdminRoute : std::uint8_t {
  kLive,
  kReady,
  kHealth,
  kMetrics,
  kWorkers,
  kWorker,  // `id` is the worker's, as in the three below
  kDrain,
  kResume,
  kClearKv,
  kExplainLast,
  kExplain,  // `id` is the request's
  kLedger,
  kTenants,
  kConfig,
};

struct AdminMatch {
  AdminRoute route{};
  std::string_view id;
};

// HEAD is taken wherever GET is. `path` outlives the match.
[[nodiscard]] std::variant<AdminMatch, RouteError> find_admin_route(std::string_view method,
                                                                    std::string_view path);

}  // namespace penstock::frontend
