// Streaming equals non-streaming: texts, finishes, logprobs, token ids and usage, for random
// outputs cut into random steps, with and without stop strings.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "harness.h"

namespace penstock::frontend {
namespace {

// What both forms must agree on.
struct Sum {
  std::map<std::int64_t, std::string> text;
  std::map<std::int64_t, std::string> finish;
  std::map<std::int64_t, std::string> stop_reason;
  std::map<std::int64_t, std::string> logprobs;
  std::map<std::int64_t, std::string> token_ids;
  std::string usage;
  friend bool operator==(const Sum&, const Sum&) = default;
};

void add_items(std::string& to, const text::Json* list) {
  if (list == nullptr || !list->is_array()) return;
  for (const text::Json& item : list->as_array()) to += text::to_json(item) + ";";
}

void add_choice(Sum& sum, const text::Json& choice) {
  const std::int64_t index = choice.find("index")->as_int();
  const text::Json* holder = choice.find("message");
  if (holder == nullptr) holder = choice.find("delta");
  const text::Json* text = holder != nullptr ? holder->find("content") : choice.find("text");
  if (text != nullptr) sum.text[index] += text->as_string();
  const text::Json* logprobs = choice.find("logprobs");
  for (const std::string_view name :
       {"content", "tokens", "token_logprobs", "top_logprobs", "text_offset"}) {
    std::string items;
    add_items(items, logprobs->find(name));
    if (!items.empty()) sum.logprobs[index * 10 + static_cast<std::int64_t>(name.size())] += items;
  }
  add_items(sum.token_ids[index], choice.find("token_ids"));
  if (choice.find("finish_reason")->is_string()) {
    EXPECT_EQ(sum.finish.count(index), 0u) << "one finish per choice";
    sum.finish[index] = choice.find("finish_reason")->as_string();
    sum.stop_reason[index] = text::to_json(*choice.find("stop_reason"));
  }
}

Sum sum_of_whole(const Recorded& answer) {
  Sum sum;
  const text::Json body = json_of(answer);
  for (const text::Json& choice : body.find("choices")->as_array()) add_choice(sum, choice);
  sum.usage = text::to_json(*body.find("usage"));
  return sum;
}

Sum sum_of_stream(const Recorded& answer) {
  Sum sum;
  const auto frames = frames_of(answer.body);
  EXPECT_EQ(frames.back().data, "[DONE]") << answer.body;
  for (const Frame& frame : frames) {
    if (frame.data == "[DONE]") continue;
    EXPECT_EQ(text::find_invalid_utf8(frame.data), std::string_view::npos);
    const text::Json chunk = text::parse_json(frame.data).value();
    for (const text::Json& choice : chunk.find("choices")->as_array()) add_choice(sum, choice);
    if (chunk.find("choices")->as_array().empty()) sum.usage = text::to_json(*chunk.find("usage"));
  }
  return sum;
}

// Random bytes, UTF-8 and not, with a bias to the letters of the stop strings.
std::vector<rpc::TokenId> random_tokens(std::mt19937& random) {
  std::vector<rpc::TokenId> ids;
  const std::string_view common = "abcS T\n";
  for (std::size_t n = random() % 40; ids.size() < n;) {
    switch (random() % 8) {
      case 0:
        for (const char c : std::string_view("\xF0\x9F\x98\x80")) {
          ids.push_back(static_cast<unsigned char>(c));
        }
        break;
      case 1:
        ids.push_back(static_cast<rpc::TokenId>(random() % 256));
        break;
      case 2:
        ids.push_back(kImStart);
        break;
      default:
        ids.push_back(static_cast<unsigned char>(common[random() % common.size()]));
    }
  }
  return ids;
}

FakeWorker::Script random_script(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto ids = random_tokens(random);
  FakeWorker::Script script;
  for (std::size_t at = 0; at < ids.size();) {
    rpc::Output output;
    const std::size_t end = std::min(ids.size(), at + 1 + random() % 4);
    for (; at < end; ++at) {
      output.token_ids.push_back(ids[at]);
      const float logprob = -static_cast<float>(random() % 64) / 8.0F;
      output.logprobs.push_back({logprob, 0, {{ids[at], logprob}, {'z', -9.0F}}});
    }
    output.cached_tokens = 1;
    script.push_back(std::move(output));
  }
  if (random() % 2 == 0) {
    script.push_back(stop_at(kImEnd));
    script.back().logprobs.push_back({-1.0F, 0, {}});
  } else {
    script.push_back(finish(rpc::FinishKind::kLength));
  }
  return script;
}

TEST(Folding, streaming_equals_non_streaming) {
  Harness harness([](const rpc::Submit& submit, std::uint32_t sequence) {
    return random_script(static_cast<std::uint32_t>(submit.sampling.seed) * 8 + sequence);
  });
  for (int seed = 0; seed < 150; ++seed) {
    std::string more =
        R"(,"seed":)" + std::to_string(seed) +
        R"(,"n":2,"return_token_ids":true,"penstock":{"extra_fields":["stop_reason"]})";
    if (seed % 3 != 0) more += R"(,"stop":["aS","ST\n","bb"])";
    if (seed % 5 == 0) more += R"(,"include_stop_str_in_output":true)";
    if (seed % 7 == 0) more += R"(,"min_tokens":5)";
    const bool is_chat = seed % 2 == 0;
    more += is_chat ? R"(,"logprobs":true,"top_logprobs":2)" : R"(,"logprobs":2)";
    const std::string streamed = more + R"(,"stream":true,"stream_options":{"include_usage":true})";
    const auto whole = is_chat ? harness.chat(more) : harness.complete(more);
    const auto stream = is_chat ? harness.chat(streamed) : harness.complete(streamed);
    const Recorded whole_answer = whole->wait_done();
    const Recorded stream_answer = stream->wait_done();
    ASSERT_EQ(whole_answer.status, 200) << whole_answer.body;
    const Sum expected = sum_of_whole(whole_answer);
    const Sum actual = sum_of_stream(stream_answer);
    ASSERT_EQ(actual.text, expected.text) << seed;
    ASSERT_EQ(actual.finish, expected.finish) << seed;
    ASSERT_EQ(actual.stop_reason, expected.stop_reason) << seed;
    ASSERT_EQ(actual.logprobs, expected.logprobs) << seed << "\n" << stream_answer.body;
    ASSERT_EQ(actual.token_ids, expected.token_ids) << seed;
    ASSERT_EQ(actual.usage, expected.usage) << seed;
    if (more.contains("\"stop\"") && !more.contains("include_stop") && !more.contains("min_tok")) {
      for (const auto& [index, text] : expected.text) {
        for (const char* stop : {"aS", "ST\n", "bb"}) {
          EXPECT_EQ(text.find(stop), std::string::npos) << text;
        }
      }
    }
  }
}

}  // namespace
}  // namespace penstock::frontend
