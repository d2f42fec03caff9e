#include <map>

#include "tests/chat_template/golden.h"

namespace penstock::chat_template {
namespace {

class ChatTemplateTemplates : public ::testing::Test {
 protected:
  static const text::Json& golden() {
    static const text::Json json = read_golden("templates.json");
    return json;
  }
  static RenderInput input_of(const text::Json& data) {
    RenderInput input;
    input.data = data.as_object();
    input.trusted_strings = golden().find("trusted")->as_object();
    input.now_unix_us = golden().find("now_unix_us")->as_int();
    return input;
  }
  static std::string show(const text::Json& expected) {
    return expected.is_null() ? "(fails)" : expected.as_string();
  }
  // Renders, and compares with what the oracle wrote; a failing template is a null there.
  static void check(std::string_view source, const text::Json& data, const text::Json& expected,
                    const std::string& what) {
    const RenderInput input = input_of(data);
    const Result<text::OriginText> got = render(source, input);
    if (expected.is_null()) {
      EXPECT_FALSE(got.has_value()) << what << " gives\n" << got->bytes();
    } else if (!got) {
      ADD_FAILURE() << what << " fails: " << got.error().message() << "\nexpected\n"
                    << show(expected);
    } else {
      EXPECT_EQ(got->bytes(), expected.as_string()) << what;
    }
  }
};

TEST_F(ChatTemplateTemplates, render_as_in_jinja2_or_fail_where_it_fails) {
  std::map<std::string, std::string> sources;
  const text::Json& inputs = *golden().find("inputs");
  for (const text::Json& row : golden().find("cases")->as_array()) {
    const std::string& file = row.as_array()[0].as_string();
    const std::string& name = row.as_array()[1].as_string();
    if (!sources.contains(file)) sources[file] = read_data("templates/" + file);
    check(sources[file], *inputs.find(name), row.as_array()[2], file + " on " + name);
  }
  EXPECT_GE(sources.size(), 28U);
}

TEST_F(ChatTemplateTemplates, smollm2_renders_two_hundred_conversations_as_jinja2_does) {
  const std::string source = read_data("templates/smollm2.jinja");
  const text::Json::Array& chats = golden().find("smollm2")->as_array();
  ASSERT_EQ(chats.size(), 200U);
  for (std::size_t i = 0; i < chats.size(); ++i) {
    check(source, chats[i].as_array()[0], chats[i].as_array()[1], "chat " + std::to_string(i));
  }
}

}  // namespace
}  // namespace penstock::chat_template
