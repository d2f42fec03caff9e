// What keeps a template from costing more than it may: steps, output, memory, depth.
#include <pthread.h>

#include <functional>

#include "tests/chat_template/golden.h"

namespace penstock::chat_template {
namespace {

Error failure_of(std::string_view source, const RenderInput& input = {},
                 const RenderLimits& limits = {}) {
  const Result<text::OriginText> got = render(source, input, limits);
  EXPECT_FALSE(got.has_value()) << source << " gives " << got->bytes().substr(0, 200);
  return got ? Error(ErrorCode::kInternal, "") : got.error();
}

// Runs on a thread with a stack of this size; one that is too small crashes the test.
void run_on_stack(std::size_t bytes, const std::function<void()>& body) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, bytes), 0);
  pthread_t thread{};
  const auto start = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, start, const_cast<std::function<void()>*>(&body)),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(PENSTOCK_COVERAGE)
constexpr std::size_t kSmallStack = 8 << 20;
#else
constexpr std::size_t kSmallStack = 256 << 10;
#endif

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ChatTemplateLimits, widths_and_steps_at_the_edge_of_64_bits_are_no_trouble) {
  const std::string lowest = "(-9223372036854775807 - 1)";
  EXPECT_EQ(render("{{ 'ab'.center(" + lowest + ") }}", {})->bytes(), "ab");
  EXPECT_EQ(render("{{ 'ab'.zfill(" + lowest + ") }}", {})->bytes(), "ab");
  EXPECT_EQ(failure_of("{{ 'ab'.ljust(9223372036854775807) }}").code(),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(failure_of("{{ '{:4611686018427387904d}'.format(1) }}").code(), ErrorCode::kInvalid);
  EXPECT_EQ(render("{{ range(1, 9223372036854775807, 9223372036854775806) | list }}", {})->bytes(),
            "[1]");
}

TEST(ChatTemplateLimits, steps_end_loops_that_would_run_for_days) {
  const std::string source =
      repeated("{% for x in range(100000) %}", 4) + repeated("{% endfor %}", 4);
  const Error error = failure_of(source);
  EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(error.message().find("1000000 steps"), std::string::npos) << error.message();
  EXPECT_TRUE(render("{% for x in range(100) %}{{ x }}{% endfor %}", {}, {.max_steps = 700}));
  EXPECT_EQ(
      failure_of("{% for x in range(100) %}{{ x }}{% endfor %}", {}, {.max_steps = 300}).code(),
      ErrorCode::kResourceExhausted);
}

TEST(ChatTemplateLimits, output_stops_at_its_limit_to_the_byte) {
  const RenderLimits ten{.max_output_bytes = 10};
  EXPECT_TRUE(render("{{ 'a' * 10 }}", {}, ten));
  EXPECT_EQ(failure_of("{{ 'a' * 11 }}", {}, ten).code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(failure_of("{{ 'a' * 10 }}b", {}, ten).code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(failure_of("{% set x %}{{ 'a' * 11 }}{% endset %}", {}, ten).code(),
            ErrorCode::kResourceExhausted);
}

TEST(ChatTemplateLimits, intermediate_values_are_bounded_too) {
  for (const std::string_view source : {
           "{{ ('a' * 1000000000) | length }}",
           "{{ ('a' * 9000000000000000000) | length }}",
           "{{ ([0] * 1000000000) | length }}",
           "{{ ((1, 2) * 4611686018427387905) | length }}",
           "{{ '%1000000000d' % 1 }}",
           "{{ '%.1000000000f' % 1 }}",
           "{{ '%*d' % (900000000000, 1) }}",
           "{{ '{:1000000000}'.format(1) | length }}",
           "{{ '{:.99999999f}'.format(1.5) | length }}",
           "{{ 'a'.center(1000000000) | length }}",
           "{{ 'a'.ljust(9000000000000000000) | length }}",
           "{{ 'a'.zfill(1000000000) | length }}",
           "{{ 'a' | indent(1000000000, true) | length }}",
           "{{ [1] | tojson(indent=1000000000) | length }}",
           "{{ '\t'.expandtabs(1000000000) | length }}",
           "{{ [1] | batch(1000000000, 0) | list | length }}",
           "{{ [1] | slice(1000000000) | list | length }}",
           "{{ (['a' * 1000000] * 100000) | join | length }}",
           "{{ 'x'.join(['a' * 1000000] * 100000) | length }}",
           "{{ ('a' * 100000) | replace('a', 'b' * 100000) | length }}",
           "{{ ('a' * 100000).replace('', 'b' * 100000) | length }}",
           "{{ ('a' * 200000000) | list | length }}",
           "{{ (('a ' * 20000000).split()) | length }}",
           "{{ ([['a' * 1000000] * 1000] * 1000) | string | length }}",
           "{{ ([['a' * 1000000] * 1000] * 1000) | tojson | length }}",
           "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% "
           "endfor %}",
           "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% "
           "endfor %}",
           "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% "
           "endfor %}",
           "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% "
           "endfor %}{{ ns.s }}",
           "{% set ns = namespace(a='a', b='a') %}{% for i in range(40) %}{% set ns.a = [ns.a] * "
           "10 %}{% set ns.b = [ns.b] * 10 %}{% endfor %}{{ ns.a == ns.b }}",
           "{% set ns = namespace(s=('a',)) %}{% for i in range(60) %}{% set ns.s = (ns.s, ns.s) "
           "%}{% endfor %}{{ {ns.s: 1} }}",
       }) {
    // 24 MiB of values; what is asked for is far beyond the default limits too.
    const Error error = failure_of(source, {}, {.max_output_bytes = 4 << 20});
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted) << source << ": " << error.message();
  }
}

TEST(ChatTemplateLimits, searching_costs_what_it_reads) {
  // A million steps of a search over a megabyte would take minutes.
  const std::string source =
      "{% set big = 'a' * 1000000 %}{% for x in range(100000) %}{{ 'b' in big }}{% endfor %}";
  EXPECT_EQ(failure_of(source).code(), ErrorCode::kResourceExhausted);
  EXPECT_TRUE(
      render("{{ ('a' * 1000000).rfind('a' * 500000 ~ 'b') }}"
             "{{ ('a' * 1000000).find('a' * 500000 ~ 'b') }}",
             {}));
}

TEST(ChatTemplateLimits, deep_syntax_is_refused_when_compiled) {
  run_on_stack(kSmallStack, [] {
    for (const std::string& source : {
             "{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}",
             "{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}",
             "{{ " + repeated("{'a':", 5000) + "1" + repeated("}", 5000) + " }}",
             "{{ " + repeated("not ", 5000) + "1 }}",
             "{{ " + repeated("-", 5000) + "1 }}",
             "{{ " + repeated("f(", 5000) + repeated(")", 5000) + " }}",
             "{{ x" + repeated(".a", 5000) + " }}",
             "{{ x" + repeated("[0]", 5000) + " }}",
             "{{ x" + repeated("()", 5000) + " }}",
             "{{ x" + repeated("|upper", 5000) + " }}",
             "{{ x" + repeated(" is defined", 5000) + " }}",
             "{{ 1" + repeated(" if 1", 5000) + " }}",
             "{{ 1" + repeated(" if 1 else 1", 5000) + " }}",
             repeated("{% if 1 %}", 5000) + repeated("{% endif %}", 5000),
             repeated("{% for x in y %}", 5000) + repeated("{% endfor %}", 5000),
             repeated("{% macro m() %}", 5000) + repeated("{% endmacro %}", 5000),
             repeated("{% set x %}", 5000) + repeated("{% endset %}", 5000),
             repeated("{% if 1 %}", 5000),
             repeated("{{ x" + repeated("|join(", 90), 1) + "1" + repeated(")", 90) + " }}",
             "{% set " + repeated("(", 5000) + "a" + repeated(")", 5000) + " = 1 %}",
         }) {
      const Result<ChatTemplate> compiled = ChatTemplate::compile(source);
      if (compiled.has_value()) continue;
      EXPECT_EQ(compiled.error().code(), ErrorCode::kInvalid) << compiled.error().message();
    }
  });
}

TEST(ChatTemplateLimits, the_deepest_syntax_that_compiles_also_renders) {
  run_on_stack(kSmallStack, [] {
    for (const std::string& source : {
             "{{ " + repeated("(1 + ", 90) + "1" + repeated(")", 90) + " }}",
             repeated("{% if 1 %}", 95) + "x" + repeated("{% endif %}", 95),
             repeated("{% for x in [1] %}", 95) + "x" + repeated("{% endfor %}", 95),
             repeated("{% for x in [1] recursive %}", 60) + "x" + repeated("{% endfor %}", 60),
             "{{ " + repeated("[", 95) + repeated("]", 95) + " }}",
             "{{ 'x'" + repeated("|upper", 95) + " }}",
         }) {
      const Result<text::OriginText> got = render(source, {});
      EXPECT_TRUE(got.has_value()) << got.error().message();
    }
  });
}

TEST(ChatTemplateLimits, long_chains_are_no_deep_syntax) {
  EXPECT_TRUE(render("{{ 1" + repeated(" + 1", 5000) + " }}", {}));
  EXPECT_TRUE(render("{{ 'a'" + repeated(" ~ 'a'", 5000) + " }}", {}));
  EXPECT_TRUE(render("{{ true" + repeated(" and true", 5000) + " }}", {}));
  EXPECT_TRUE(render("{{ 1" + repeated(" <= 1", 5000) + " }}", {}));
  EXPECT_TRUE(render("{% if 0 %}" + repeated("{% elif 0 %}", 2000) + "{% endif %}", {}));
}

TEST(ChatTemplateLimits, recursion_ends_with_an_error_on_a_small_stack) {
  run_on_stack(kSmallStack, [] {
    for (const std::string_view source : {
             "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
             "{% macro m(x=m()) %}{% endmacro %}{{ m() }}",
             "{% macro m() %}{% if true %}{% for i in [1] %}{% with a = 1 %}{% set x %}"
             "{% filter upper %}{{ (1, [m() | upper ~ m()], {'a': m()}) }}{% endfilter %}"
             "{% endset %}{% endwith %}{% endfor %}{% endif %}{% endmacro %}{{ m() }}",
             "{% macro m() %}{% call m() %}{% endcall %}{{ caller is defined }}{% endmacro %}{{ "
             "m() }}",
             "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
             "{% for x in [1] recursive %}{{ loop(loop([1])) }}{% endfor %}",
             "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
             "{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}"
             "{% endfor %}{{ ns.l }}",
             "{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}"
             "{% endfor %}{{ ns.l | tojson }}",
             "{% set ns = namespace(a=[], b=[]) %}{% for i in range(5000) %}"
             "{% set ns.a = [ns.a] %}{% set ns.b = [ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
             "{% set ns = namespace(a=[], b=[]) %}{% for i in range(5000) %}"
             "{% set ns.a = [ns.a] %}{% set ns.b = [ns.b] %}{% endfor %}{{ ns.a < ns.b }}",
             "{% set ns = namespace(l=()) %}{% for i in range(5000) %}{% set ns.l = (ns.l,) %}"
             "{% endfor %}{{ {ns.l: 1} }}",
             "{% set ns = namespace(l='a') %}{% for i in range(5000) %}"
             "{% set ns.l = ns.l | map('upper') %}{% endfor %}{{ ns.l | list }}",
         }) {
      const Error error = failure_of(source);
      EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted) << source << ": " << error.message();
    }
  });
}

TEST(ChatTemplateLimits, macros_may_nest_as_deep_as_schemas_do) {
  const std::string source =
      "{% macro m(x) %}{% if x > 0 %}{% for i in [1] %}{{ m(x - 1) }}{% endfor %}{% endif %}"
      "{% endmacro %}{{ m(30) }}";
  const Result<text::OriginText> got = render(source, {});
  EXPECT_TRUE(got.has_value()) << got.error().message();
}

TEST(ChatTemplateLimits, deep_input_is_refused_not_recursed_into) {
  text::Json deep = 1;
  for (int i = 0; i < 1000; ++i) deep = text::Json(text::Json::Array{std::move(deep)});
  RenderInput input;
  input.data.set("deep", std::move(deep));
  run_on_stack(kSmallStack, [&input] {
    EXPECT_EQ(failure_of("{{ deep }}", input).code(), ErrorCode::kResourceExhausted);
    EXPECT_TRUE(render("not read", input));
  });
}

TEST(ChatTemplateLimits, a_source_beyond_a_megabyte_is_refused) {
  EXPECT_FALSE(ChatTemplate::compile(std::string((1 << 20) + 1, 'x')).has_value());
  EXPECT_TRUE(ChatTemplate::compile(std::string(1 << 20, 'x')).has_value());
  EXPECT_FALSE(ChatTemplate::compile(repeated("{% raw", 150000)).has_value());
  EXPECT_FALSE(ChatTemplate::compile("{#" + std::string(1000000, '-')).has_value());
}

}  // namespace
}  // namespace penstock::chat_template
