// What the front asks a template before it prepares the input.
#include "tests/chat_template/golden.h"

namespace penstock::chat_template {
namespace {

ChatTemplate compiled(std::string_view source) {
  Result<ChatTemplate> result = ChatTemplate::compile(source);
  EXPECT_TRUE(result.has_value()) << result.error().message();
  return std::move(*result);
}

TEST(ChatTemplateAnalysis, knows_which_variables_are_read_from_the_input) {
  const ChatTemplate t = compiled(
      "{% if tools %}{{ tools }}{% endif %}{% set own = 1 %}{{ own }}"
      "{% macro m(arg) %}{{ arg }}{{ deep }}{% endmacro %}"
      "{% for x in messages if flag %}{{ x.attribute }}{{ loop.index }}{% endfor %}"
      "{% set kept = kept or 1 %}{{ d['key'] }}");
  for (const std::string_view name : {"tools", "messages", "deep", "flag", "kept", "d"}) {
    EXPECT_TRUE(t.reads_variable(name)) << name;
  }
  for (const std::string_view name :
       {"own", "arg", "x", "loop", "attribute", "key", "enable_thinking"}) {
    EXPECT_FALSE(t.reads_variable(name)) << name;
  }
}

TEST(ChatTemplateAnalysis, sees_loops_over_content_parts) {
  for (const std::string_view source : {
           "{% for m in messages %}{% for p in m.content %}{{ p }}{% endfor %}{% endfor %}",
           "{% for m in messages %}{% for p in m['content'] %}{{ p }}{% endfor %}{% endfor %}",
           "{% for m in messages %}{% set c = m.content %}{% for p in c %}{% endfor %}{% endfor %}",
           "{% macro r(c) %}{% for p in c %}{% endfor %}{% endmacro %}{% for m in messages %}{{ "
           "r(m.content) }}{% endfor %}",
           "{% for p in messages[0].content | selectattr('type', 'eq', 'text') %}{% endfor %}",
           "{{ messages[0]['content'][0]['text'] }}",
           "{% for p in (m.content or []) %}{% endfor %}",
       }) {
    EXPECT_TRUE(compiled(source).iterates_content_parts()) << source;
  }
  for (const std::string_view source : {
           "{% for m in messages %}{{ m.content }}{% endfor %}",
           "{% for m in messages %}{% for l in m.content.split('x') %}{{ l }}{% endfor %}{% endfor "
           "%}",
           "{% for m in messages %}{% for t in m.tool_calls %}{{ t }}{% endfor %}{% endfor %}",
           "{{ m.content | trim }}{{ messages[0].content[1:] }}",
       }) {
    EXPECT_FALSE(compiled(source).iterates_content_parts()) << source;
  }
  EXPECT_FALSE(compiled(read_data("templates/smollm2.jinja")).iterates_content_parts());
  EXPECT_TRUE(compiled(read_data("templates/turns.jinja")).iterates_content_parts());
  EXPECT_TRUE(compiled(read_data("templates/vision_chatml.jinja")).iterates_content_parts());
}

TEST(ChatTemplateAnalysis, finds_string_literals_but_not_plain_text) {
  const ChatTemplate t = compiled(
      "A developer writes {{ 'one' }}{% if m.role == 'system' %}{{ {'key': ['listed']} }}{% endif "
      "%}"
      "{{ x | replace('from', \"to\") }}{{ 'adj' 'acent' }}");
  for (const std::string_view text :
       {"one", "system", "key", "listed", "from", "to", "adjacent", "sys"}) {
    EXPECT_TRUE(t.has_literal(text)) << text;
  }
  EXPECT_FALSE(t.has_literal("developer"));
  EXPECT_TRUE(compiled(read_data("templates/typescript.jinja")).has_literal("developer"));
}

TEST(ChatTemplateAnalysis, one_template_serves_many_renders) {
  const ChatTemplate t = compiled(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ "
      "ns.n }}");
  for (int size = 0; size < 5; ++size) {
    RenderInput input;
    input.data.set("messages", text::Json::Array(static_cast<std::size_t>(size)));
    const Result<text::OriginText> got = t.render(input);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->bytes(), std::to_string(size));
  }
}

}  // namespace
}  // namespace penstock::chat_template
