// Rendering chat templates.
//
//   cmake --build build/release --target chat_template_bench && build/release/chat_template_bench
#include <benchmark/benchmark.h>

#include "base/check.h"
#include "chat_template/chat_template.h"

namespace penstock::chat_template {
namespace {

constexpr std::string_view kChatml =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe helpful.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

// Trims, looks back, splits reasoning off and counts in a namespace, as current models' do.
constexpr std::string_view kBusy =
    "{%- set ns = namespace(last=messages|length - 1, seen=0) -%}"
    "{%- for m in messages[::-1] -%}{%- if m.role == 'user' and not ns.seen -%}"
    "{%- set ns.last = messages|length - 1 - loop.index0 -%}{%- set ns.seen = 1 -%}{%- endif -%}"
    "{%- endfor -%}"
    "{%- for m in messages -%}{%- set content = m.content if m.content is string else '' -%}"
    "{%- if m.role == 'assistant' -%}{%- if '</think>' in content -%}"
    "{%- set content = content.split('</think>')[-1].lstrip('\n') -%}{%- endif -%}"
    "{{- '<|im_start|>assistant\n' + content | trim -}}"
    "{%- if m.tool_calls -%}{%- for c in m.tool_calls -%}{{- c | tojson -}}{%- endfor -%}"
    "{%- endif -%}{{- '<|im_end|>\n' -}}"
    "{%- else -%}{{- '<|im_start|>' ~ m.role ~ '\n' ~ content ~ '<|im_end|>\n' -}}{%- endif -%}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}";

// Collects everything in one string before it writes it.
constexpr std::string_view kAccumulating =
    "{%- set ns = namespace(text='') -%}{%- for m in messages -%}"
    "{%- set ns.text = ns.text ~ '<|' ~ m.role ~ '|>' ~ m.content -%}{%- endfor -%}{{ ns.text }}";

RenderInput conversation(std::int64_t num_messages, std::size_t content_bytes) {
  text::Json::Array messages;
  for (std::int64_t i = 0; i < num_messages; ++i) {
    std::string content;
    while (content.size() < content_bytes) content += "some words of a turn, ";
    messages.push_back(text::Json::Object{{"role", i % 2 == 0 ? "user" : "assistant"},
                                          {"content", std::move(content)}});
  }
  RenderInput input;
  input.data.set("messages", std::move(messages));
  input.data.set("add_generation_prompt", true);
  input.trusted_strings.set("bos_token", "<s>");
  return input;
}

void render(benchmark::State& state, std::string_view source) {
  const Result<ChatTemplate> compiled = ChatTemplate::compile(source);
  CHECK(compiled.has_value());
  const RenderInput input = conversation(state.range(0), static_cast<std::size_t>(state.range(1)));
  std::size_t bytes = 0;
  for (auto _ : state) {
    const Result<text::OriginText> text = compiled->render(input);
    CHECK(text.has_value());
    bytes = text->bytes().size();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"messages", "bytes"});
  for (const std::int64_t messages : {2, 20, 200}) bench->Args({messages, 200});
  bench->Args({200, 4000});
}

BENCHMARK_CAPTURE(render, chatml, kChatml)->Apply(sizes);
BENCHMARK_CAPTURE(render, busy, kBusy)->Apply(sizes);
BENCHMARK_CAPTURE(render, accumulating, kAccumulating)->Apply(sizes);

void compile(benchmark::State& state, std::string_view source) {
  for (auto _ : state) benchmark::DoNotOptimize(ChatTemplate::compile(source).has_value());
}
BENCHMARK_CAPTURE(compile, chatml, kChatml);
BENCHMARK_CAPTURE(compile, busy, kBusy);

}  // namespace
}  // namespace penstock::chat_template

BENCHMARK_MAIN();
