#include "tests/chat_template/golden.h"

namespace penstock::chat_template {
namespace {

TEST(ChatTemplateExpressions, give_what_jinja2_gives_or_fail_where_it_fails) {
  const text::Json golden = read_golden("expressions.json");
  RenderInput input;
  input.data = golden.find("variables")->as_object();
  input.now_unix_us = golden.find("now_unix_us")->as_int();
  int wrong = 0;
  const text::Json::Array& cases = golden.find("cases")->as_array();
  ASSERT_GT(cases.size(), 5000U);
  for (const text::Json& row : cases) {
    const std::string& source = row.as_array()[0].as_string();
    const text::Json& expected = row.as_array()[1];
    const Result<text::OriginText> got = render(source, input);
    const bool same =
        expected.is_null() ? !got.has_value() : got && got->bytes() == expected.as_string();
    if (same || ++wrong > 60) continue;
    ADD_FAILURE() << source
                  << "\n  jinja2:   " << (expected.is_null() ? "(fails)" : expected.as_string())
                  << "\n  Penstock: " << (got ? got->bytes() : "(fails) " + got.error().message());
  }
  EXPECT_EQ(wrong, 0) << "of " << cases.size();
}

}  // namespace
}  // namespace penstock::chat_template
