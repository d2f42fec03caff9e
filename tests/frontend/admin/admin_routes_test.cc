#include "frontend/admin/admin_routes.h"

#include <gtest/gtest.h>

namespace penstock::frontend {
namespace {

std::string found(std::string_view method, std::string_view path) {
  const auto result = find_admin_route(method, path);
  if (const auto* error = std::get_if<RouteError>(&result)) {
    return std::string(openai::row_of(error->error.code).name) + std::string(error->allow);
  }
  const auto match = std::get<AdminMatch>(result);
  return std::to_string(static_cast<int>(match.route)) + ":" + std::string(match.id);
}

std::string is(AdminRoute route, std::string_view id = "") {
  return std::to_string(static_cast<int>(route)) + ":" + std::string(id);
}

TEST(AdminRoutes, tell_ids_from_what_is_asked_of_them) {
  EXPECT_EQ(found("GET", "/workers"), is(AdminRoute::kWorkers));
  EXPECT_EQ(found("HEAD", "/workers/12"), is(AdminRoute::kWorker, "12"));
  EXPECT_EQ(found("POST", "/workers/12/drain"), is(AdminRoute::kDrain, "12"));
  EXPECT_EQ(found("POST", "/workers/12/resume"), is(AdminRoute::kResume, "12"));
  EXPECT_EQ(found("GET", "/explain"), is(AdminRoute::kExplainLast));
  EXPECT_EQ(found("GET", "/explain/abc"), is(AdminRoute::kExplain, "abc"));
}

TEST(AdminRoutes, say_which_method_is_taken) {
  EXPECT_EQ(found("POST", "/workers"), "method_not_allowedGET, HEAD");
  EXPECT_EQ(found("GET", "/workers/1/drain"), "method_not_allowedPOST");
  EXPECT_EQ(found("DELETE", "/clear_kv_blocks"), "method_not_allowedPOST");
}

TEST(AdminRoutes, unknown_and_unbuilt_paths_are_not_there) {
  for (const char* path : {"/", "/v1/models", "/workers/", "/workers//drain", "/workers/1/2",
                           "/workers/1/drain/", "/explain/", "/explain/a/b", "/ledgers"}) {
    EXPECT_EQ(found("GET", path), "unknown_url") << path;
  }
  for (const char* path :
       {"/workers/1/fence", "/workers/1/unfence", "/workers/1/role", "/busy_threshold"}) {
    EXPECT_EQ(found("POST", path), "unknown_url") << path;
    const auto result = find_admin_route("POST", path);
    EXPECT_TRUE(std::get<RouteError>(result).error.message.starts_with("this build does not have"));
  }
}

}  // namespace
}  // namespace penstock::frontend
