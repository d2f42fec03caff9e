// Mutated templates over odd inputs: nothing crashes, hangs or grows without bound.
#include <chrono>

#include "tests/chat_template/golden.h"
#include "text/utf8.h"

namespace penstock::chat_template {
namespace {

constexpr int kRounds = 100'000;

class Chooser final {
 public:
  explicit Chooser(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t bound) {
    // xorshift64*: fast, and the same everywhere.
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<std::size_t>((state_ * 0x2545F4914F6CDD1DULL) >> 33) % bound;
  }
  template <class T>
  const T& of(const std::vector<T>& items) {
    return items[below(items.size())];
  }

 private:
  std::uint64_t state_;
};

const std::vector<std::string>& fragments() {
  static const std::vector<std::string> kFragments = {
      "{{",
      "}}",
      "{%",
      "%}",
      "{#",
      "#}",
      "-",
      "+",
      "{% if ",
      "{% for x in ",
      "{% endfor %}",
      "{% endif %}",
      "{% set x = ",
      "{% macro m(a, b=1) %}",
      "{% endmacro %}",
      "{% call m(1) %}",
      "{% endcall %}",
      "{% raw %}",
      "{% endraw %}",
      "{% else %}",
      "{% elif x %}",
      "{% break %}",
      "{% continue %}",
      "{% filter upper %}",
      "{% endfilter %}",
      "{% with a = x %}",
      "{% endwith %}",
      "{% generation %}",
      "{% endgeneration %}",
      " recursive ",
      "loop",
      "loop.index",
      "loop(x)",
      "loop.length",
      "loop.cycle(1, 2)",
      "messages",
      "x",
      "ns",
      "namespace(a=1)",
      "m(x)",
      "caller()",
      "|",
      "|tojson",
      "|upper",
      "|list",
      "|join(',')",
      "|map('upper')",
      "|sort",
      "|groupby('role')",
      "|batch(3)",
      "|indent",
      "|replace('a', 'b')",
      "|format(1)",
      "|string",
      "|length",
      "|first",
      "|reverse",
      "|items",
      "|sum",
      ".",
      ".content",
      ".split()",
      ".strip('x')",
      ".format(x)",
      ".items()",
      ".join(x)",
      ".zfill(9)",
      "[",
      "]",
      "[0]",
      "[::-1]",
      "[1:",
      "(",
      ")",
      "{",
      "}",
      ":",
      ",",
      "~",
      "*",
      "**",
      "//",
      "%",
      "==",
      "<",
      " in ",
      " not in ",
      " is ",
      " is not ",
      " and ",
      " or ",
      " not ",
      " if ",
      " else ",
      "'",
      "\"",
      "\\",
      "'a'",
      "\"<|x|>\"",
      "1",
      "99999999999",
      "9223372036854775807",
      "1.5e300",
      "none",
      "true",
      "range(9)",
      "dict(a=1)",
      "'%s%d' % ",
      "'{:>9}'",
      "\n",
      "\r\n",
      "é",
      "\xF0\x9F\x99\x82",
      "\xFF",
      "\x00x",
      "raise_exception('e')",
      "strftime_now('%c')",
      "varargs",
      "kwargs",
  };
  return kFragments;
}

std::string mutate(std::string source, Chooser& chooser, const std::vector<std::string>& corpus) {
  const std::size_t times = 1 + chooser.below(6);
  for (std::size_t i = 0; i < times; ++i) {
    const std::size_t at = chooser.below(source.size() + 1);
    switch (chooser.below(6)) {
      case 0:
        source.insert(at, chooser.of(fragments()));
        break;
      case 1:
        source.erase(at, chooser.below(12));
        break;
      case 2: {
        const std::string& other = chooser.of(corpus);
        const std::size_t from = chooser.below(other.size() + 1);
        source.insert(at, other.substr(from, chooser.below(80)));
        break;
      }
      case 3:
        if (at < source.size()) source[at] = static_cast<char>(chooser.below(256));
        break;
      case 4:
        source.insert(at, source.substr(chooser.below(source.size() + 1), chooser.below(60)));
        break;
      default:
        source.replace(at, chooser.below(5), chooser.of(fragments()));
    }
  }
  return source;
}

TEST(ChatTemplateFuzz, mutated_templates_end_in_text_or_in_an_error) {
  std::vector<std::string> corpus;
  std::vector<RenderInput> inputs;
  const text::Json golden = read_golden("templates.json");
  std::string last;
  for (const text::Json& row : golden.find("cases")->as_array()) {
    const std::string& file = row.as_array()[0].as_string();
    if (file != last) corpus.push_back(read_data("templates/" + file));
    last = file;
  }
  const text::Json expressions = read_golden("expressions.json");
  const text::Json::Array& cases = expressions.find("cases")->as_array();
  for (std::size_t i = 0; i < cases.size(); i += 11)
    corpus.push_back(cases[i].as_array()[0].as_string());
  for (const auto& [name, data] : golden.find("inputs")->as_object()) {
    RenderInput input;
    input.data = data.as_object();
    for (const auto& [key, value] : expressions.find("variables")->as_object())
      input.data.set(key, value);
    input.trusted_strings = golden.find("trusted")->as_object();
    inputs.push_back(std::move(input));
  }
  const RenderLimits limits{.max_steps = 20'000, .max_output_bytes = 1 << 20};
  Chooser chooser(20261103);
  int rendered = 0;
  int compiled = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string source = mutate(chooser.of(corpus), chooser, corpus);
    const auto start = std::chrono::steady_clock::now();
    const Result<ChatTemplate> result = ChatTemplate::compile(source);
    if (result) {
      ++compiled;
      const Result<text::OriginText> got = result->render(chooser.of(inputs), limits);
      rendered += got.has_value() ? 1 : 0;
      if (got) {
        EXPECT_LE(got->bytes().size(), limits.max_output_bytes);
        EXPECT_EQ(text::find_invalid_utf8(got->bytes()), std::string::npos) << source;
      } else {
        EXPECT_FALSE(got.error().message().empty());
      }
    } else {
      EXPECT_FALSE(result.error().message().empty());
    }
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(took, std::chrono::seconds(5)) << source;
  }
  EXPECT_GT(compiled, kRounds / 20);
  EXPECT_GT(rendered, kRounds / 40);
}

}  // namespace
}  // namespace penstock::chat_template
