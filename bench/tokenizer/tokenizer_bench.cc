// How fast SmolLM2's tokenizer loads, encodes and decodes.
//
//   PENSTOCK_TEST_MODEL=model.gguf build/release/tokenizer_bench
//
// The prompt is English prose, code and chat markers of about 8,000 tokens, made here; the
// conversation has 30 turns and about 60,000 tokens. Its `turn_30` items are what the cache of
// tokenized prefixes leaves to do: look up, compare, join, tokenize the new turn, insert. The goal
// is 5 % of `full_pass`.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "formats/gguf.h"
#include "tokenizer/prefix_token_cache.h"
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

// Turns of a chat, until the whole has kPromptTokens tokens.
OriginText prompt() {
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

// A conversation of 30 questions and 29 answers; new are the last of each.
class Conversation final {
 public:
  Conversation() {
    for (int turn = 0; turn < kNumTurns; ++turn) {
      add("user", turn);
      if (turn + 1 == kNumTurns) break;
      before_ = text_.bytes().size();
      add("assistant", turn);
    }
    text_.append("<|im_start|>assistant\n", Origin::kTrusted);
  }
  [[nodiscard]] const OriginText& text() const { return text_; }
  // What of it was the prompt of the turn before.
  [[nodiscard]] OriginText text_before() const {
    OriginText text;
    for (const OriginText::Span& span : text_.spans()) {
      const std::size_t end = std::min(span.end, before_);
      if (span.begin >= end) break;
      text.append(std::string_view(text_.bytes()).substr(span.begin, end - span.begin),
                  span.origin);
    }
    text.append("<|im_start|>assistant\n", Origin::kTrusted);
    return text;
  }

 private:
  static constexpr int kNumTurns = 30;
  static constexpr std::size_t kMessageBytes = 2950;  // with these texts, 60,000 tokens in all

  void add(std::string_view role, int turn) {
    text_.append("<|im_start|>", Origin::kTrusted);
    text_.append(role, Origin::kData);
    text_.append("\n", Origin::kTrusted);
    std::string message = std::to_string(turn);
    for (std::size_t i = static_cast<std::size_t>(turn); message.size() < kMessageBytes; ++i) {
      message += kTurns[i % std::size(kTurns)];
    }
    text_.append(message, Origin::kData);
    text_.append("<|im_end|>\n", Origin::kTrusted);
  }

  OriginText text_;
  std::size_t before_ = 0;
};

void full_pass(benchmark::State& state) {
  const Conversation chat;
  std::size_t tokens = 0;
  for (auto _ : state) tokens = encode(chat.text()).size();
  report(state, chat.text().bytes().size(), tokens);
}
BENCHMARK(full_pass)->Unit(benchmark::kMicrosecond);

std::vector<TokenId> encode_cached(PrefixTokenCache& cache, const OriginText& text) {
  const CutText cut(tokenizer(), text, CacheScope(tokenizer().digest(), ""), 1);
  auto equal = cache.find(cut.keys());
  equal.resize(cut.count_equal(equal));
  EncodedPrefix prefix = cut.join(equal);
  const std::size_t num_cached = prefix.token_ids.size();
  auto encoded = tokenizer().encode_on(text, std::move(prefix));
  CHECK(encoded.has_value(), "{}", encoded.error().message());
  auto segments = cut.make_segments(equal.size(), num_cached, *encoded);
  const std::size_t num_keys = equal.size() + segments.size();
  (void)cache.insert(std::span(cut.keys()).first(num_keys), std::move(segments));
  return std::move(encoded->token_ids);
}

// Each round in a cache that has seen turn 29 and nothing of turn 30.
void turn_30(benchmark::State& state) {
  const Conversation chat;
  const OriginText before = chat.text_before();
  const std::size_t tokens = encode(chat.text()).size();
  std::size_t used_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto cache = std::make_unique<PrefixTokenCache>(std::size_t{64} << 20);
    CHECK(encode_cached(*cache, before).size() < tokens);
    state.ResumeTiming();
    CHECK(encode_cached(*cache, chat.text()).size() == tokens);
    state.PauseTiming();
    used_bytes = cache->used_bytes();
    cache.reset();
    state.ResumeTiming();
  }
  report(state, chat.text().bytes().size(), tokens);
  state.counters["held_bytes"] = static_cast<double>(used_bytes);
}
BENCHMARK(turn_30)->Unit(benchmark::kMicrosecond);

// The same prompt again: nothing new but what follows the last cut.
void turn_30_again(benchmark::State& state) {
  const Conversation chat;
  PrefixTokenCache cache(std::size_t{64} << 20);
  std::size_t tokens = encode_cached(cache, chat.text()).size();
  for (auto _ : state) tokens = encode_cached(cache, chat.text()).size();
  report(state, chat.text().bytes().size(), tokens);
}
BENCHMARK(turn_30_again)->Unit(benchmark::kMicrosecond);

// With the cache and nothing in it to find: what it costs those who never come back.
void first_turn(benchmark::State& state) {
  const Conversation chat;
  std::size_t tokens = 0;
  for (auto _ : state) {
    PrefixTokenCache cache(std::size_t{64} << 20);
    tokens = encode_cached(cache, chat.text()).size();
  }
  report(state, chat.text().bytes().size(), tokens);
}
BENCHMARK(first_turn)->Unit(benchmark::kMicrosecond);

void load_gguf(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Tokenizer::from_gguf(model_file()));
}
BENCHMARK(load_gguf)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock::tokenizer

BENCHMARK_MAIN();
