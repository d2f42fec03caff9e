#include "frontend/routes.h"

#include <gtest/gtest.h>

namespace penstock::frontend {
namespace {

std::string found(const RouteTable& table, std::string_view method, std::string_view path) {
  const auto result = table.find(method, path);
  if (const auto* error = std::get_if<RouteError>(&result)) {
    return std::string(openai::row_of(error->error.code).name);
  }
  const auto match = std::get<RouteMatch>(result);
  return std::to_string(static_cast<int>(match.route)) + std::string(match.rest);
}

TEST(RouteTable, moves_a_route_and_forgets_its_old_path) {
  const RouteTable table = RouteTable::moved({"chat=/x/chat", "models=/x/models"}).value();
  EXPECT_EQ(found(table, "POST", "/x/chat"), "0");
  EXPECT_EQ(found(table, "POST", "/v1/chat/completions"), "unknown_url");
  EXPECT_EQ(found(table, "GET", "/x/models"), "2");
  EXPECT_EQ(found(table, "GET", "/x/models/tiny"), "3tiny") << "what lies behind it moves along";
  EXPECT_EQ(found(table, "GET", "/v1/models/tiny"), "unknown_url");
  EXPECT_EQ(found(table, "POST", "/v1/completions"), "1");
}

TEST(RouteTable, two_routes_may_change_places_with_a_third_path_between) {
  const RouteTable table = RouteTable::moved({"live=/tmp", "ready=/live", "live=/ready"}).value();
  EXPECT_EQ(found(table, "GET", "/live"), found(RouteTable(), "GET", "/ready"));
  EXPECT_EQ(found(table, "GET", "/ready"), found(RouteTable(), "GET", "/live"));
}

TEST(RouteTable, refuses_moves_that_make_no_sense_by_name) {
  for (const char* bad : {"chat", "=/x", "nope=/x", "openapi=/x", "chat=", "chat=x", "chat=/",
                          "chat=/x/", "chat=/a b", "chat=/a?b", "chat=//a", "chat=/health",
                          "live=/v1/models/live", "models=/v1"}) {
    const auto table = RouteTable::moved({bad});
    ASSERT_FALSE(table) << bad;
    EXPECT_TRUE(table.error().message().contains(std::string("--http-path '") + bad + "'"))
        << table.error().message();
  }
}

}  // namespace
}  // namespace penstock::frontend
