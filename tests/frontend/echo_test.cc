// `echo` with `logprobs`: the prompt's tokens come before the choice's own, in both forms of an
// answer, whichever choice brings them.
#include <gtest/gtest.h>

#include "frontend/echo.h"
#include "harness.h"

namespace penstock::frontend {
namespace {

using text::Json;

// Two tokens, then the end; choice `bringer` brings the prompt's logprobs.
FakeWorker::Scripter says_yz(std::uint32_t bringer) {
  return [bringer](const rpc::Submit& submit, std::uint32_t sequence) {
    rpc::Output first = tokens({'y'});
    first.logprobs = {{-0.5F, 0, {{'y', -0.5F}, {'q', -2.0F}}}};
    if (sequence % submit.n == bringer && submit.prompt_logprobs >= 0) {
      for (std::size_t i = 1; i < submit.token_ids.size(); ++i) {
        const auto id = submit.token_ids[i];
        first.prompt_logprobs.push_back(
            {-static_cast<float>(i), 1, {{'e', -0.25F}, {id, -static_cast<float>(i)}}});
      }
    }
    rpc::Output last = finish(rpc::FinishKind::kLength, {'z'});
    last.logprobs = {{-0.75F, 0, {{'z', -0.75F}, {'q', -2.0F}}}};
    return FakeWorker::Script{std::move(first), std::move(last)};
  };
}

std::string joined(const Json& list) {
  std::string out;
  for (const Json& item : list.as_array()) out += text::to_json(item) + " ";
  return out;
}

// By member of logprobs, its items of all chunks of one choice.
std::map<std::string, std::string> lists_of(const std::vector<Json>& bodies, std::int64_t index) {
  std::map<std::string, std::string> lists;
  for (const Json& body : bodies) {
    for (const Json& choice : body.find("choices")->as_array()) {
      if (choice.find("index")->as_int() != index) continue;
      lists["text"] += choice.find("text")->as_string();
      const Json* logprobs = choice.find("logprobs");
      if (!logprobs->is_object()) continue;
      for (const auto& [name, list] : logprobs->as_object()) lists[name] += joined(list);
    }
  }
  return lists;
}

std::vector<Json> chunks_of(const Recorded& answer) {
  std::vector<Json> chunks;
  for (const Frame& frame : frames_of(answer.body)) {
    if (frame.data != "[DONE]") chunks.push_back(text::parse_json(frame.data).value());
  }
  return chunks;
}

TEST(EchoLogprobs, begin_with_the_prompt_s_whose_first_is_null) {
  Harness harness(says_yz(0));
  const Recorded answer = harness
                              .send("POST", "/v1/completions",
                                    R"({"model":"tiny","prompt":"h\u00e9","echo":true,)"
                                    R"("logprobs":1,"max_tokens":2})")
                              ->wait_done();
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(harness.worker().submits().front().prompt_logprobs, 1);
  const auto lists = lists_of({json_of(answer)}, 0);
  EXPECT_EQ(lists.at("text"), "h\xC3\xA9yz");
  EXPECT_EQ(lists.at("token_logprobs"), "null -1 -2 -0.5 -0.75 ");
  EXPECT_EQ(lists.at("text_offset"), "0 1 1 2 3 ") << "in characters, the half ones together";
  EXPECT_EQ(lists.at("tokens"), R"("h" "bytes:\\xc3" "bytes:\\xa9" "y" "z" )");
  EXPECT_EQ(lists.at("top_logprobs"), R"(null {"e":-0.25} {"e":-0.25} {"y":-0.5} {"z":-0.75} )");
  EXPECT_EQ(json_of(answer).find("choices")->as_array()[0].find("prompt_logprobs"), nullptr);
}

TEST(EchoLogprobs, streams_say_what_whole_answers_do_whoever_brings_them) {
  for (const std::uint32_t bringer : {0U, 1U, 2U}) {
    Harness harness(says_yz(bringer));
    const std::string body =
        R"({"model":"tiny","prompt":["hi","b","c"],"echo":true,"logprobs":2,"max_tokens":2,"n":3)";
    const Recorded whole = harness.send("POST", "/v1/completions", body + "}")->wait_done();
    const Recorded stream =
        harness.send("POST", "/v1/completions", body + R"(,"stream":true})")->wait_done();
    ASSERT_EQ(whole.status, 200) << whole.body;
    const auto chunks = chunks_of(stream);
    for (std::int64_t index = 0; index < 9; ++index) {
      const auto expected = lists_of({json_of(whole)}, index);
      EXPECT_EQ(lists_of(chunks, index), expected) << bringer << " " << index;
      EXPECT_TRUE(expected.at("token_logprobs").starts_with("null ")) << index;
    }
  }
}

TEST(EchoLogprobs, keep_apart_from_prompt_logprobs) {
  Harness harness(says_yz(0));
  const Recorded answer =
      harness.complete(R"(,"echo":true,"logprobs":1,"prompt_logprobs":2,"max_tokens":2)")
          ->wait_done();
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(harness.worker().submits().front().prompt_logprobs, 2);
  const Json body = json_of(answer);
  const Json& choice = body.find("choices")->as_array()[0];
  EXPECT_EQ(choice.find("logprobs")->find("top_logprobs")->as_array()[1].as_object().size(), 1u);
  EXPECT_EQ(choice.find("prompt_logprobs")->as_array()[1].as_object().size(), 2u);
}

TEST(EchoLogprobs, a_prompt_that_was_not_computed_is_echoed_without_them) {
  Harness harness(
      [](const rpc::Submit&, std::uint32_t) { return FakeWorker::Script{tokens({'y'})}; });
  const auto stream =
      harness.complete(R"(,"echo":true,"logprobs":1,"max_tokens":5,"n":2,"stream":true)");
  ASSERT_TRUE(Harness::eventually([&] { return harness.worker().num_live() == 2; }));
  harness.worker().die();
  const Recorded answer = stream->wait_done();
  EXPECT_EQ(error_of(answer), "503 worker_lost null") << "nothing was sent that needs them";
}

TEST(Echo, places_tokens_where_the_text_shows_them) {
  const auto tokenizer = make_byte_tokenizer();
  std::vector<openai::TokenId> prompt = ids_of("a\xC3\xA9z");
  prompt.insert(prompt.begin(), kBos);
  const Echo echo = make_echo_with_tokens("a\xC3\xA9z", prompt, *tokenizer, true);
  EXPECT_EQ(echo.offsets, (std::vector<std::uint64_t>{0, 0, 1, 1, 2}));
  EXPECT_EQ(echo.num_characters, 3u);
  EXPECT_EQ(echo.first.id, kBos);
  EXPECT_FALSE(echo.first.has_logprob);
  const Echo shown = make_echo_with_tokens("<s>a", {{kBos, 'a'}}, *tokenizer, false);
  EXPECT_EQ(shown.offsets, (std::vector<std::uint64_t>{0, 3}));
  const Echo beyond = make_echo_with_tokens("a", ids_of("abc"), *tokenizer, true);
  EXPECT_EQ(beyond.offsets, (std::vector<std::uint64_t>{0, 1, 1}));
}

}  // namespace
}  // namespace penstock::frontend
