#include "openai/errors.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "text/json.h"

namespace penstock::openai {
namespace {

TEST(Errors, every_code_has_a_name_of_its_own_and_an_error_status) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kNumApiErrorCodes; ++i) {
    const ApiErrorRow& row = row_of(static_cast<ApiErrorCode>(i));
    EXPECT_GE(row.status, 400) << row.name;
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.type.empty());
  }
}

TEST(Errors, body_has_the_four_members_and_escapes_the_message) {
  const auto error = make_api_error(ApiErrorCode::kInvalidValue, "messages[2].content[0].type",
                                    "a \"quoted\"\n{}", 7)
                         .error();
  const auto body = text::parse_json(error_body(error));
  ASSERT_TRUE(body);
  const text::Json* object = body->find("error");
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->find("message")->as_string(), "a \"quoted\"\n7");
  EXPECT_EQ(object->find("type")->as_string(), "invalid_request_error");
  EXPECT_EQ(object->find("param")->as_string(), "messages[2].content[0].type");
  EXPECT_EQ(object->find("code")->as_string(), "invalid_value");
  EXPECT_EQ(object->as_object().size(), 4u);
}

TEST(Errors, body_is_utf8_whatever_a_client_sent) {
  const auto error =
      make_api_error(ApiErrorCode::kUnknownUrl, "x-\xFF", "there is nothing at /\xC3(\xE2\x82")
          .error();
  const auto body = text::parse_json(error_body(error));
  ASSERT_TRUE(body) << body.error().message();
  EXPECT_EQ(body->find("error")->find("message")->as_string(),
            "there is nothing at /\xEF\xBF\xBD(\xEF\xBF\xBD");
}

TEST(Errors, param_is_null_when_no_field_is_to_blame) {
  const auto body =
      text::parse_json(error_body(make_api_error(ApiErrorCode::kDraining, "", "bye").error()));
  ASSERT_TRUE(body);
  EXPECT_TRUE(body->find("error")->find("param")->is_null());
}

TEST(Errors, statuses_of_the_server_map_to_codes) {
  EXPECT_EQ(code_of_status(413), ApiErrorCode::kRequestTooLarge);
  EXPECT_EQ(code_of_status(431), ApiErrorCode::kHeadersTooLarge);
  EXPECT_EQ(code_of_status(408), ApiErrorCode::kRequestTimeout);
  EXPECT_EQ(code_of_status(400), ApiErrorCode::kInvalidValue);
  EXPECT_EQ(code_of_status(500), ApiErrorCode::kInternalError);
}

TEST(Errors, clips_long_values_between_characters) {
  const std::string long_value = std::string(63, 'x') + "\xc3\xa9\xc3\xa9";
  EXPECT_EQ(clipped(long_value), std::string(63, 'x') + "...");
  EXPECT_EQ(clipped("short"), "short");
}

}  // namespace
}  // namespace penstock::openai
