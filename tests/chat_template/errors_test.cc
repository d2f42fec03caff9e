// What a failing template tells, and the ways in which we fail where jinja2 would go on.
#include "tests/chat_template/golden.h"

namespace penstock::chat_template {
namespace {

std::string message_of(std::string_view source) {
  RenderInput input;
  input.data.set("s", "text");
  input.data.set("d", text::Json::Object{{"a", 1}});
  const Result<text::OriginText> got = render(source, input);
  return got ? "renders " + got->bytes() : got.error().message();
}

TEST(ChatTemplateErrors, a_raised_exception_is_the_authors_text_and_nothing_else) {
  EXPECT_EQ(message_of("a\n{{ raise_exception('Roles must alternate: ' ~ s) }}"),
            "Roles must alternate: text");
  const Result<text::OriginText> got = render("{{ raise_exception('x') }}", {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), ErrorCode::kInvalid);
}

TEST(ChatTemplateErrors, wrong_use_of_values_names_the_line_and_the_value) {
  EXPECT_EQ(message_of("a\nb\n{{ missing.x }}"), "chat template, line 3: 'missing' is undefined");
  EXPECT_EQ(message_of("{{ d.b.c }}"), "chat template, line 1: 'dict object' has no attribute 'b'");
  EXPECT_EQ(message_of("{% if true %}\n{{ s + 1 }}{% endif %}"),
            "chat template, line 2: can only concatenate str (not \"int\") to str");
  EXPECT_EQ(message_of("{{ d.update({}) }}"),
            "chat template, line 1: access to attribute 'update' of 'dict' object is unsafe.");
  EXPECT_EQ(message_of("{% macro m(a) %}\n{{ a.x }}{% endmacro %}\n{{ m() }}"),
            "chat template, line 2: parameter 'a' was not provided");
}

TEST(ChatTemplateErrors, syntax_errors_name_line_and_construct) {
  EXPECT_EQ(message_of("a\n{% if x %}\nb"),
            "chat template, line 3: unexpected end of template, expected 'endif'");
  EXPECT_EQ(message_of("\n\n{{ x | nosuch }}"),
            "chat template, line 3: there is no filter 'nosuch'");
  EXPECT_EQ(message_of("{{ x is nosuch }}"), "chat template, line 1: there is no test 'nosuch'");
  EXPECT_EQ(message_of("{% for x in y %}{% endif %}"),
            "chat template, line 1: unknown tag 'endif' where 'endfor' is still open");
  EXPECT_EQ(message_of("\n{% do x %}"), "chat template, line 2: unknown tag 'do'");
  EXPECT_EQ(message_of("{{ (1 }}"), "chat template, line 1: unexpected '}', expected ')'");
  EXPECT_EQ(message_of("{{ 'abc }}"), "chat template, line 1: a string is not closed: 'abc }}");
  EXPECT_EQ(message_of("{% break %}"), "chat template, line 1: 'break' outside of a loop");
  EXPECT_EQ(message_of("{#\n\n"), "chat template, line 1: missing end of the comment (#})");
  EXPECT_EQ(message_of("{{ 1 +\n\n }}"),
            "chat template, line 3: unexpected 'end of print statement'");
}

TEST(ChatTemplateErrors, tags_that_need_other_templates_are_unsupported) {
  for (const std::string_view source :
       {"{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}",
        "{% block b %}{% endblock %}", "{% from 'x' import y %}",
        "{% autoescape true %}{% endautoescape %}"}) {
    const Result<ChatTemplate> compiled = ChatTemplate::compile(source);
    ASSERT_FALSE(compiled.has_value()) << source;
    EXPECT_EQ(compiled.error().code(), ErrorCode::kUnsupported);
  }
}

TEST(ChatTemplateErrors, integers_beyond_64_bits_are_refused_not_rounded) {
  EXPECT_NE(message_of("{{ 9223372036854775807 + 1 }}").find("64-bit"), std::string::npos);
  EXPECT_NE(message_of("{{ 2 ** 63 }}").find("64-bit"), std::string::npos);
  EXPECT_NE(message_of("{{ 9223372036854775808 }}").find("64 bits"), std::string::npos);
  EXPECT_NE(message_of("{{ '9223372036854775808' | int }}").find("64 bits"), std::string::npos);
  EXPECT_EQ(message_of("{{ -9223372036854775807 - 1 }}"), "renders -9223372036854775808");
  EXPECT_NE(message_of("{{ (-9223372036854775807 - 1) // -1 }}").find("64-bit"), std::string::npos);
  EXPECT_EQ(message_of("{{ (-9223372036854775807 - 1) % -1 }}"), "renders 0");
}

TEST(ChatTemplateErrors, an_unsigned_64_bit_integer_of_the_input_is_printed_exactly) {
  RenderInput input;
  input.data.set("u", text::Json(std::uint64_t{18446744073709551615U}));
  const Result<text::OriginText> got =
      render("{{ u }} {{ [u] | tojson }} {{ u is integer }} {{ u > 1 }} {{ u == u }}", input);
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->bytes(), "18446744073709551615 [18446744073709551615] True True True");
  EXPECT_FALSE(render("{{ u + 1 }}", input));
}

TEST(ChatTemplateErrors, source_that_is_no_utf8_or_names_no_character_is_refused) {
  EXPECT_FALSE(ChatTemplate::compile("a\xFF").has_value());
  EXPECT_FALSE(ChatTemplate::compile("{{ '\\ud83d' }}").has_value());
  EXPECT_FALSE(ChatTemplate::compile("{{ '\\N{DASH}' }}").has_value());
}

}  // namespace
}  // namespace penstock::chat_template
