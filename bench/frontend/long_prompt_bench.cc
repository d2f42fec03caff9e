// What a body of 10 MB costs until it is refused, on one thread and without the socket.
//
//   PENSTOCK_TEST_MODEL=model.gguf build/release/long_prompt_bench
//
// The goal is 30 ms from the last byte to the answer. Each form of text takes another way: prose
// has its tokens counted until they are too many, what no token can be so long for is refused by
// its length alone.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"
#include "formats/gguf.h"
#include "frontend/access/tenant.h"
#include "frontend/preparation.h"
#include "text/json.h"

namespace penstock::frontend {
namespace {

constexpr std::size_t kBodyBytes = 10'000'000;

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

std::vector<ServedModel> served(std::uint32_t context_length) {
  auto tokenizer = tokenizer::Tokenizer::from_gguf(model_file());
  CHECK(tokenizer.has_value(), "{}", tokenizer.error().message());
  auto chat_template = chat_template::ChatTemplate::compile(
      "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n' }}{% endfor %}");
  CHECK(chat_template.has_value());
  discovery::ModelCard card;
  card.name = "m";
  card.context_length = context_length;
  card.vocab_size = tokenizer->vocab_size();
  std::vector<ServedModel> models;
  models.push_back({card, std::make_shared<const tokenizer::Tokenizer>(std::move(*tokenizer)),
                    std::make_shared<const chat_template::ChatTemplate>(std::move(*chat_template)),
                    std::move(rpc::make_in_process_channel().frontend)});
  return models;
}

struct Front {
  explicit Front(std::uint32_t context_length) : models(pool, clock, served(context_length)) {}

  SystemClock clock;
  net::IoPool pool{1};
  IdSource ids{clock};
  FrontendOptions options;
  Models models;
  Preparer preparer{models, options, clock, ids};
  Tenant tenant{{}, "", std::make_shared<TenantAccount>()};
};

std::string repeated(std::string_view piece) {
  std::string out;
  out.reserve(kBodyBytes + piece.size());
  while (out.size() < kBodyBytes) out += piece;
  return out;
}

constexpr std::string_view kForms[] = {
    "The quick brown fox jumps over the lazy dog, and 42 others follow it home. ",
    "x",
    " ",
    "\xF0\x9F\x98\x80\xE4\xBD\xA0\xE5\xA5\xBD",
    "\\n",
    "a1 ",
};
constexpr std::string_view kNames[] = {"prose",   "one word", "spaces",
                                       "unicode", "escapes",  "short words"};

std::string completion_body(std::string_view piece) {
  return R"({"model":"m","prompt":")" + repeated(piece) + "\"}";
}

void parse(benchmark::State& state) {
  const std::string body = completion_body(kForms[state.range(0)]);
  for (auto _ : state) benchmark::DoNotOptimize(text::parse_json(body));
  state.SetLabel(std::string(kNames[state.range(0)]));
}
BENCHMARK(parse)->DenseRange(0, 5)->Unit(benchmark::kMillisecond);

void expect_refused(Front& front, openai::Api api, const std::string& body) {
  const auto prepared = front.preparer.prepare(api, body, front.tenant);
  CHECK(!prepared && prepared.error().code == openai::ApiErrorCode::kContextLengthExceeded, "{}",
        prepared ? "it was taken" : prepared.error().message.c_str());
}

void refuse(benchmark::State& state, openai::Api api, const std::string& body) {
  Front front(static_cast<std::uint32_t>(state.range(1)));
  for (auto _ : state) expect_refused(front, api, body);
  state.SetLabel(std::string(kNames[state.range(0)]));
}

void refuse_completion(benchmark::State& state) {
  refuse(state, openai::Api::kCompletions, completion_body(kForms[state.range(0)]));
}
void refuse_chat(benchmark::State& state) {
  refuse(state, openai::Api::kChat,
         R"({"model":"m","messages":[{"role":"user","content":")" +
             repeated(kForms[state.range(0)]) + "\"}]}");
}
BENCHMARK(refuse_completion)
    ->ArgsProduct({{0, 1, 2, 3, 4, 5}, {8192, 131072}})
    ->Unit(benchmark::kMillisecond);
BENCHMARK(refuse_chat)
    ->ArgsProduct({{0, 1, 2, 3, 4, 5}, {8192, 131072}})
    ->Unit(benchmark::kMillisecond);

void refuse_token_ids(benchmark::State& state) {
  Front front(8192);
  std::string body = R"({"model":"m","prompt":[1)";
  while (body.size() < kBodyBytes) body += ",1234";
  body += "]}";
  for (auto _ : state) expect_refused(front, openai::Api::kCompletions, body);
}
BENCHMARK(refuse_token_ids)->Unit(benchmark::kMillisecond);

void refuse_many_messages(benchmark::State& state) {
  Front front(8192);
  std::string body = R"({"model":"m","messages":[)";
  for (int i = 0; i < 4096; ++i) {
    if (i > 0) body += ',';
    body += R"({"role":"user","content":")";
    body.append(kBodyBytes / 4096 - 32, 'x');
    body += "\"}";
  }
  body += "]}";
  for (auto _ : state) expect_refused(front, openai::Api::kChat, body);
}
BENCHMARK(refuse_many_messages)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace penstock::frontend

BENCHMARK_MAIN();
