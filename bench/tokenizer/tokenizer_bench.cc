// How fast SmolLM2's tokenizer loads, encodes and decodes.
//
//   PENSTOCK_TEST_MODEL=model.gguf build/release/tokenizer_bench
//
// The prompt is English prose, code and chat markers of about 8,000 tokens, made here.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "formats/gguf.h"
#include "tokenizer/stream_decoder.h"
#include "tokenizer/tokenizer.h"

namespace penstock::tokenizer {
namespace {

using text::Origin;
using text::OriginText;

constexpr std::size_t kPromptTokens = 8000;

const formats::GgufFile& model_file() {
  static const formats::GgufFile file = [] {
    const char* path = std::getenv("PENSTOCK_TEST_MODEL");
    CHECK(path != nullptr, "set PENSTOCK_TEST_MODEL to the path of the .gguf file");
    auto opened = formats::GgufFile::open(path);
    CHECK(opened.has_value(), "{}", opened.error().message());
    return std::move(*opened);
  }();
  return file;
}

const Tokenizer& tokenizer() {
  static const Tokenizer loaded = [] {
    auto result = Tokenizer::from_gguf(model_file());
    CHECK(result.has_value(), "{}", result.error().message());
    return std::move(*result);
  }();
  return loaded;
}

std::vector<TokenId> encode(const OriginText& text) {
  auto ids = tokenizer().encode(text);
  CHECK(ids.has_value(), "{}", ids.error().message());
  return std::move(*ids);
}

// Turns of a chat, until the whole has kPromptTokens tokens.
OriginText prompt() {
  constexpr std::string_view kTurns[] = {
      "Could you explain how a suspension bridge carries its load, and why the towers have to be "
      "so "
      "much taller than those of a cable-stayed one? I'm preparing a lecture for second-year "
      "students, who haven't seen any structural mechanics yet.",
      "Certainly! The deck hangs from vertical suspenders; each of them pulls the main cable down "
      "a "
      "little, and the cable answers with tension along its length. At mid-span it is horizontal, "
      "so "
      "the sag decides how large that tension becomes: H = w * L^2 / (8 * f), with f the sag.\n\n"
      "1. A span of 1,280 m with a sag of 143 m gives H = 1.43 times w * L.\n"
      "2. Half of that sag would double the force in the anchorages.\n",
      "Write a function that computes it, with a test.",
      "```python\ndef horizontal_tension(load_per_m: float, span_m: float, sag_m: float) -> "
      "float:\n"
      "    if sag_m <= 0:\n        raise ValueError(f\"sag must be positive, got {sag_m}\")\n"
      "    return load_per_m * span_m**2 / (8 * sag_m)\n\n\ndef "
      "test_doubling_the_sag_halves_it():\n"
      "    assert horizontal_tension(1.0, 100.0, 20.0) * 2 == horizontal_tension(1.0, 100.0, "
      "10.0)\n"
      "```\n",
  };
  OriginText text;
  for (std::size_t i = 0; encode(text).size() < kPromptTokens; ++i) {
    text.append(i % 2 == 0 ? "<|im_start|>user\n" : "<|im_start|>assistant\n", Origin::kTrusted);
    text.append(kTurns[i % std::size(kTurns)], Origin::kData);
    text.append("<|im_end|>\n", Origin::kTrusted);
  }
  return text;
}

void report(benchmark::State& state, std::size_t bytes, std::size_t tokens) {
  const auto runs = static_cast<double>(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  state.counters["tokens"] = static_cast<double>(tokens);
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(tokens) * runs, benchmark::Counter::kIsRate);
}

void encode_prompt(benchmark::State& state) {
  const OriginText text = prompt();
  std::size_t tokens = 0;
  for (auto _ : state) tokens = encode(text).size();
  report(state, text.bytes().size(), tokens);
}
BENCHMARK(encode_prompt)->Unit(benchmark::kMicrosecond);

void encode_script(benchmark::State& state, std::string_view sentence) {
  OriginText text;
  while (text.bytes().size() < 32768) text.append(sentence, Origin::kData);
  std::size_t tokens = 0;
  for (auto _ : state) tokens = encode(text).size();
  report(state, text.bytes().size(), tokens);
}
BENCHMARK_CAPTURE(encode_script, russian,
                  "Съешь же ещё этих мягких французских булок, да выпей чаю. ")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(encode_script, chinese, "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(encode_script, digits, "3.14159 26535 89793, ")->Unit(benchmark::kMicrosecond);

// One word of as many letters as the argument says.
void encode_long_word(benchmark::State& state) {
  std::string word;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    word += static_cast<char>('a' + i * i % 26);
  }
  const OriginText text(word, Origin::kData);
  std::size_t tokens = 0;
  for (auto _ : state) tokens = encode(text).size();
  report(state, word.size(), tokens);
}
BENCHMARK(encode_long_word)->RangeMultiplier(10)->Range(10, 100'000)->Unit(benchmark::kMicrosecond);

void decode_prompt(benchmark::State& state) {
  const OriginText text = prompt();
  const std::vector<TokenId> ids = encode(text);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer().decode(ids, false));
  report(state, text.bytes().size(), ids.size());
}
BENCHMARK(decode_prompt)->Unit(benchmark::kMicrosecond);

void stream_prompt(benchmark::State& state) {
  const OriginText text = prompt();
  const std::vector<TokenId> ids = encode(text);
  for (auto _ : state) {
    StreamDecoder decoder(tokenizer(), {}, false);
    for (const TokenId id : ids) benchmark::DoNotOptimize(decoder.push(id));
  }
  report(state, text.bytes().size(), ids.size());
}
BENCHMARK(stream_prompt)->Unit(benchmark::kMicrosecond);

void load_gguf(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::from_gguf(model_file()));
}
BENCHMARK(load_gguf)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock::tokenizer

BENCHMARK_MAIN();
