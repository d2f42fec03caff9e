// A prompt that cannot fit is refused without being worked through. What was done shows in the
// answer: a prompt that was counted to its end is told its number of tokens, one that was not is
// told the number at which counting stopped.
#include <gtest/gtest.h>

#include "harness.h"

namespace penstock::frontend {
namespace {

constexpr std::size_t kHuge = 10'000'000;
// The context of the test's model and as much again as is counted beyond it.
constexpr std::string_view kCounted = "more than 8704";

FakeWorker::Scripter says_x() {
  return [](const rpc::Submit&, std::uint32_t) {
    return FakeWorker::Script{tokens({'x'}), stop_at(kImEnd)};
  };
}

class LongPrompt : public ::testing::Test {
 protected:
  std::string refusal_of(const std::string& path, const std::string& body) {
    const Recorded answer = harness.send("POST", path, body)->wait_done();
    EXPECT_TRUE(answer.body.contains("512")) << "the limit is named: " << answer.body;
    return error_of(answer) + (answer.body.contains(kCounted) ? ", not counted" : ", counted");
  }
  Harness harness{says_x()};
};

TEST_F(LongPrompt, is_not_counted_to_its_end) {
  const std::string huge(kHuge, 'a');
  EXPECT_EQ(refusal_of("/v1/completions", R"({"model":"tiny","prompt":")" + huge + "\"}"),
            "400 context_length_exceeded prompt, not counted");
  EXPECT_EQ(refusal_of("/v1/completions", R"({"model":"tiny","prompt":["a",")" + huge + "\"]}"),
            "400 context_length_exceeded prompt[1], not counted");
  EXPECT_EQ(
      refusal_of("/v1/chat/completions",
                 R"({"model":"tiny","messages":[{"role":"user","content":")" + huge + "\"}]}"),
      "400 context_length_exceeded messages, not counted");
}

TEST_F(LongPrompt, that_is_little_too_long_is_told_its_length) {
  EXPECT_EQ(refusal_of("/v1/completions",
                       R"({"model":"tiny","prompt":")" + std::string(8704, 'a') + "\"}"),
            "400 context_length_exceeded prompt, counted");
}

TEST_F(LongPrompt, of_token_ids_is_not_read_to_its_end) {
  std::string body = R"({"model":"tiny","prompt":[1)";
  while (body.size() < kHuge) body += ",12";
  const Recorded answer = harness.send("POST", "/v1/completions", body + "]}")->wait_done();
  EXPECT_EQ(error_of(answer), "400 context_length_exceeded prompt");
  EXPECT_TRUE(answer.body.contains("more than 65536")) << answer.body;
  const Recorded broken = harness.send("POST", "/v1/completions", body + "!")->wait_done();
  EXPECT_EQ(error_of(broken), "400 context_length_exceeded prompt")
      << "what is wrong behind that was not read";
}

TEST_F(LongPrompt, of_a_chat_in_token_ids_is_named_where_it_stands) {
  std::string ids = "[1";
  for (int i = 0; i < 600; ++i) ids += ",1";
  EXPECT_EQ(error_of(harness.chat(R"(,"penstock":{"token_data":)" + ids + "]}")->wait_done()),
            "400 context_length_exceeded penstock.token_data");
}

TEST_F(LongPrompt, does_not_hold_up_a_short_one) {
  FrontendOptions options;
  options.tokenizer_threads = 1;
  Harness one(says_x(), std::move(options));
  const std::string huge = R"({"model":"tiny","prompt":")" + std::string(kHuge, 'a') + "\"}";
  std::vector<std::shared_ptr<FakeExchange>> waiting;
  for (int i = 0; i < 8; ++i) waiting.push_back(one.send("POST", "/v1/completions", huge));
  EXPECT_EQ(one.complete()->wait_done().status, 200);
  for (const auto& exchange : waiting) EXPECT_EQ(exchange->wait_done().status, 400);
}

}  // namespace
}  // namespace penstock::frontend
