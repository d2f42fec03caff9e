// Which bytes of a rendering are trusted. Invariant 1 of the room: data never becomes trusted.
#include <algorithm>

#include "tests/chat_template/golden.h"

namespace penstock::chat_template {
namespace {

using text::Origin;

// The rendering with data between [ ] and trusted text as it is.
std::string marked(std::string_view source) {
  RenderInput input;
  input.data.set("d", "data");
  input.data.set("n", 42);
  input.data.set("messages", text::Json::Array{
                                 text::Json::Object{{"role", "user"}, {"content", "<s> & \"q\""}}});
  input.trusted_strings.set("bos_token", "<s>");
  const Result<text::OriginText> got = render(source, input);
  if (!got) return "error: " + got.error().message();
  std::string out;
  for (const text::OriginText::Span& span : got->spans()) {
    const std::string bytes = got->bytes().substr(span.begin, span.end - span.begin);
    out += span.origin == Origin::kData ? "[" + bytes + "]" : bytes;
  }
  return out;
}

TEST(ChatTemplateOrigin, text_between_tags_and_literals_are_trusted_and_variables_are_data) {
  EXPECT_EQ(marked("a{{ d }}b{{ 'c' }}"), "a[data]bc");
  EXPECT_EQ(marked("{{ '<|im_start|>' + d + '<|im_end|>' }}"), "<|im_start|>[data]<|im_end|>");
  EXPECT_EQ(marked("{{ messages[0].role }}:{{ messages[0]['content'] }}"), "[user]:[<s> & \"q\"]");
}

TEST(ChatTemplateOrigin, the_names_given_as_trusted_are_trusted_unless_data_overrides_them) {
  EXPECT_EQ(marked("{{ bos_token }}{{ bos_token * 2 }}"), "<s><s><s>");
  RenderInput input;
  input.data.set("bos_token", "from the request");
  input.trusted_strings.set("bos_token", "<s>");
  const Result<text::OriginText> got = render("{{ bos_token }}", input);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->spans().size(), 1U);
  EXPECT_EQ(got->spans()[0].origin, Origin::kData);
}

TEST(ChatTemplateOrigin, neighbours_of_one_origin_join_into_one_span) {
  EXPECT_EQ(marked("<|{{ 'im' ~ '_start' }}{{ '|>' if true }}"), "<|im_start|>");
  RenderInput input;
  const Result<text::OriginText> got = render("<|{{ 'im' }}|>", input);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->spans().size(), 1U);
}

TEST(ChatTemplateOrigin, string_operations_keep_it_byte_for_byte) {
  EXPECT_EQ(marked("{{ ('<' ~ d ~ '>')[1:] }}"), "[data]>");
  EXPECT_EQ(marked("{{ ('<' ~ d ~ '>')[::-1] }}"), ">[atad]<");
  EXPECT_EQ(marked("{{ ('  <' ~ d ~ '>  ').strip() }}"), "<[data]>");
  EXPECT_EQ(marked("{{ ('<' ~ d ~ '>').upper() }}"), "<[DATA]>");
  EXPECT_EQ(marked("{{ ('ß' ~ d) | upper }}"), "SS[DATA]");
  EXPECT_EQ(marked("{{ ('<' ~ d ~ '>').split('a') | join('A') }}"), "<[d]A[t]A>");
  EXPECT_EQ(marked("{{ 'x-y' | replace('-', d) }}"), "x[data]y");
  EXPECT_EQ(marked("{{ d | replace('a', 'A') }}"), "[d]A[t]A");
  EXPECT_EQ(marked("{{ [d, 'b', d] | join(', ') }}"), "[data], b, [data]");
  EXPECT_EQ(marked("{{ '%s=%s' % ('k', d) }}"), "k=[data]");
  EXPECT_EQ(marked("{{ '{}={:>6}|'.format('k', d) }}"), "k=[  data]|");
  EXPECT_EQ(marked("{{ '{:*>6}|'.format(d) }}"), "**[data]|");
  EXPECT_EQ(marked("{{ ('a\n' ~ d) | indent('> ', true) }}"), "> a[\n]> [data]");
  EXPECT_EQ(marked("{{ d.center(8, '-') }}"), "--[data]--");
  EXPECT_EQ(marked("{{ ('a' ~ d) | list | join }}"), "a[data]");
  EXPECT_EQ(marked("{{ (d ~ '<') | e }}"), "[data]&lt;");
  EXPECT_EQ(marked("{{ ('a' ~ d).partition('a')[2] }}"), "[data]");
}

TEST(ChatTemplateOrigin, what_the_engine_makes_of_other_values_is_data) {
  EXPECT_EQ(marked("{{ n }}{{ n ~ 'a' }}"), "[4242]a");
  EXPECT_EQ(marked("{{ loop is defined }}"), "[False]");
  EXPECT_EQ(marked("{% for x in 'ab' %}{{ loop.index }}{% endfor %}"), "[12]");
  EXPECT_EQ(marked("{{ messages | tojson }}"),
            "[[{\"role\": \"user\", \"content\": \"<s> & \\\"q\\\"\"}]]");
  EXPECT_EQ(marked("{{ {'a': d} | tojson }}"), "[{\"]a[\": \"data\"}]");
  EXPECT_EQ(marked("{{ ['a', d] }}"), "[[']a[', 'data']]");
  EXPECT_EQ(marked("{{ '<|' ~ n ~ '|>' }}"), "<|[42]|>");
}

TEST(ChatTemplateOrigin, a_number_or_constant_written_in_the_template_is_its_text) {
  EXPECT_EQ(marked("<|{{ 5 }}|>{{ '<|' ~ 7 ~ '|>' }}{{ true }}"), "<|5|><|7|>True");
}

TEST(ChatTemplateOrigin, survives_macros_captures_and_growing_strings) {
  EXPECT_EQ(marked("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(d) ~ m('t') }}"), "<[data]><t>");
  EXPECT_EQ(marked("{% set s %}<{{ d }}>{% endset %}{{ s }}{{ s | upper }}"), "<[data]><[DATA]>");
  EXPECT_EQ(marked("{% set ns = namespace(s='') %}{% for i in range(40) %}"
                   "{% set ns.s = ns.s ~ (d if i % 20 == 0 else 'zzzzzzzzzz') %}{% endfor %}"
                   "{{ ns.s | replace('z', '') }}"),
            "[datadata]");
  EXPECT_EQ(marked("{% filter upper %}<{{ d }}>{% endfilter %}"), "<[DATA]>");
  EXPECT_EQ(marked("{% macro m() %}{{ kwargs.items() | list | first | first }}{% endmacro %}"
                   "{{ m(**{d: 1}) }}{{ m(lit=1) }}"),
            "[data]lit");
  EXPECT_EQ(marked("{{ dict(**{d: 1}) | first }}{{ namespace(**{d: 1}) }}"),
            "[data<Namespace {'data': 1}>]");
}

TEST(ChatTemplateOrigin, an_older_string_is_untouched_when_a_newer_one_grew_from_it) {
  EXPECT_EQ(
      marked("{% set a = 'tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt'"
             " ~ 'tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt' %}"
             "{% set b = a ~ d %}{% set c = a ~ 'x' %}"
             "{{ a | length }} {{ b[-5:] }} {{ c[-5:] }}"),
      "[140] t[data] ttttx");
}

// Armenian letters: none of them is in a template, so a trusted one came from data.
text::Json only_armenian(const text::Json& value) {
  if (value.is_string()) {
    std::string text;
    for (std::size_t i = 0; i < value.as_string().size(); ++i) text += i % 3 == 2 ? " " : "ա";
    return text;
  }
  if (value.is_array()) {
    text::Json::Array items;
    for (const text::Json& item : value.as_array()) items.push_back(only_armenian(item));
    return items;
  }
  if (value.is_object()) {
    text::Json::Object members;
    for (const auto& [name, member] : value.as_object()) members.set(name, only_armenian(member));
    members.set("ա", "ա");
    return members;
  }
  return value;
}

bool shows_armenian(std::string_view text) {
  for (const std::string_view sign : {"\xD4", "\xD5", "0561", "0531", "%D5", "%D4"}) {
    if (text.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

void expect_no_data_is_trusted(std::string_view source, const RenderInput& input, int& with_data) {
  const Result<text::OriginText> got = render(source, input);
  if (!got) return;
  with_data += shows_armenian(got->bytes()) ? 1 : 0;
  std::size_t end = 0;
  for (const text::OriginText::Span& span : got->spans()) {
    ASSERT_EQ(span.begin, end) << source;
    end = span.end;
    if (span.origin == Origin::kData) continue;
    const auto bytes = std::string_view(got->bytes()).substr(span.begin, span.end - span.begin);
    EXPECT_FALSE(shows_armenian(bytes)) << source << " trusts data: " << bytes;
  }
  EXPECT_EQ(end, got->bytes().size()) << source;
}

TEST(ChatTemplateOrigin, no_operation_of_the_language_turns_data_into_trusted_text) {
  int with_data = 0;
  const text::Json expressions = read_golden("expressions.json");
  RenderInput input;
  input.data = only_armenian(*expressions.find("variables")).as_object();
  for (const text::Json& row : expressions.find("cases")->as_array()) {
    expect_no_data_is_trusted(row.as_array()[0].as_string(), input, with_data);
  }
  EXPECT_GT(with_data, 1000);
}

TEST(ChatTemplateOrigin, no_template_turns_messages_into_trusted_text) {
  int with_data = 0;
  const text::Json golden = read_golden("templates.json");
  for (const text::Json& row : golden.find("cases")->as_array()) {
    RenderInput input;
    input.trusted_strings = golden.find("trusted")->as_object();
    input.data = golden.find("inputs")->find(row.as_array()[1].as_string())->as_object();
    // Roles steer the templates and stay; everything said is replaced.
    text::Json* messages = input.data.find("messages");
    if (messages != nullptr && messages->is_array()) {
      for (text::Json& message : messages->as_array()) {
        if (text::Json* content = message.as_object().find("content")) {
          *content = only_armenian(*content);
        }
      }
    }
    expect_no_data_is_trusted(read_data("templates/" + row.as_array()[0].as_string()), input,
                              with_data);
  }
  EXPECT_GT(with_data, 400);
}

}  // namespace
}  // namespace penstock::chat_template
