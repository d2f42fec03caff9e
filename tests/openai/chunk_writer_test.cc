#include "openai/chunk_writer.h"

#include <gtest/gtest.h>

#include "openai/response_writer.h"
#include "text/json.h"

namespace penstock::openai {
namespace {

AnswerHead head(Api api) {
  return {.api = api, .id = "x-1", .created = 17, .model = "m\"", .fingerprint = "fp_0123abcd"};
}

TEST(ChunkWriter, writes_the_frames_of_a_chat_stream) {
  const ChunkWriter writer(head(Api::kChat), {.include_usage = true});
  const std::string prefix =
      R"(data: {"id":"x-1","object":"chat.completion.chunk","created":17,"model":"m\"",)"
      R"("system_fingerprint":"fp_0123abcd","choices":[)";
  const Usage usage{.prompt_tokens = 3, .completion_tokens = 2, .cached_tokens = 1};
  std::string out;
  writer.append_role(out, {.index = 0}, usage);
  EXPECT_EQ(out, prefix + R"({"index":0,"delta":{"role":"assistant","content":""},)"
                          R"("logprobs":null,"finish_reason":null}],"usage":null})"
                          "\n\n");
  out.clear();
  writer.append_content(out, {.index = 1}, {.text = "a\nb"}, usage);
  EXPECT_EQ(out, prefix + R"({"index":1,"delta":{"content":"a\nb"},)"
                          R"("logprobs":null,"finish_reason":null}],"usage":null})"
                          "\n\n");
  out.clear();
  writer.append_finish(out, {.index = 0}, {}, {.reason = FinishReason::kLength}, usage);
  EXPECT_EQ(out, prefix + R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],)"
                          R"("usage":null})"
                          "\n\n");
  out.clear();
  writer.append_final_usage(out, usage);
  EXPECT_EQ(out, prefix + R"(],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,)"
                          R"("prompt_tokens_details":{"cached_tokens":1},)"
                          R"("completion_tokens_details":{"reasoning_tokens":0}}})"
                          "\n\n");
}

TEST(ChunkWriter, completions_have_text_in_place_of_a_delta) {
  const ChunkWriter writer(head(Api::kCompletions), {.token_ids = true, .stop_reason = true});
  std::string out;
  const std::vector<TokenId> prompt = {1, 2};
  writer.append_content(out, {.index = 2, .prompt_token_ids = prompt},
                        {.text = "hi", .token_ids = {5, 6}}, {});
  EXPECT_NE(out.find(R"("object":"text_completion")"), std::string::npos);
  EXPECT_NE(out.find(R"({"index":2,"text":"hi","logprobs":null,"token_ids":[5,6],)"
                     R"("prompt_token_ids":[1,2],"finish_reason":null}]})"),
            std::string::npos)
      << out;
  out.clear();
  writer.append_finish(out, {.index = 2}, {.token_ids = {7}},
                       {.reason = FinishReason::kStop, .stop = TokenId{7}}, {});
  EXPECT_NE(out.find(R"("text":"","logprobs":null,"token_ids":[7],"finish_reason":"stop",)"
                     R"("stop_reason":7}]})"),
            std::string::npos)
      << out;
}

TEST(ChunkWriter, an_error_is_an_event_of_its_own) {
  std::string out;
  ChunkWriter::append_error(
      out, make_api_error(ApiErrorCode::kWorkerLost, "", "the worker was lost").error());
  EXPECT_EQ(out,
            "event: error\n"
            R"(data: {"error":{"message":"the worker was lost","type":"server_error",)"
            R"("param":null,"code":"worker_lost"}})"
            "\n\n");
}

TEST(ResponseWriter, folds_choices_into_one_body) {
  std::vector<WholeChoice> choices(2);
  choices[0].text = "a";
  choices[1].text = "b";
  choices[1].end = {.reason = FinishReason::kStop, .stop = std::string("END")};
  const std::vector<WholePrompt> prompts(1);
  const auto body = text::parse_json(response_body(head(Api::kChat), {.stop_reason = true},
                                                   {.choices = choices, .prompts = prompts},
                                                   {.prompt_tokens = 1}));
  ASSERT_TRUE(body) << body.error().message();
  EXPECT_EQ(body->find("object")->as_string(), "chat.completion");
  const auto& list = body->find("choices")->as_array();
  EXPECT_EQ(list[1].find("message")->find("content")->as_string(), "b");
  EXPECT_EQ(list[1].find("stop_reason")->as_string(), "END");
  EXPECT_TRUE(list[0].find("stop_reason")->is_null());
  EXPECT_EQ(body->find("usage")->find("total_tokens")->as_int(), 1);
}

TEST(ResponseWriter, says_what_the_head_promises) {
  AnswerHead said = head(Api::kChat);
  said.names_service_tier = true;
  said.says_not_stored = true;
  const std::vector<WholePrompt> prompts(1);
  const auto body =
      text::parse_json(response_body(said, {}, {.choices = {}, .prompts = prompts}, {}));
  ASSERT_TRUE(body);
  EXPECT_EQ(body->find("service_tier")->as_string(), "default");
  EXPECT_FALSE(body->find("store")->as_bool());
}

std::vector<WholePrompt> two_prompts() {
  std::vector<WholePrompt> prompts(2);
  prompts[0].token_ids = {4};
  prompts[0].logprobs.emplace();
  prompts[1].token_ids = {5, 6};
  return prompts;
}

TEST(ResponseWriter, completions_say_of_each_prompt_what_is_asked) {
  const std::vector<WholeChoice> choices(4);
  const std::vector<WholePrompt> prompts = two_prompts();
  const auto body = text::parse_json(response_body(head(Api::kCompletions),
                                                   {.token_ids = true, .prompt_logprobs = true},
                                                   {.choices = choices, .prompts = prompts}, {}));
  ASSERT_TRUE(body) << body.error().message();
  const auto& list = body->find("choices")->as_array();
  EXPECT_EQ(text::to_json(*list[0].find("prompt_token_ids")), "[4]");
  EXPECT_EQ(list[1].find("prompt_token_ids"), nullptr) << "once per prompt";
  EXPECT_EQ(text::to_json(*list[2].find("prompt_token_ids")), "[5,6]");
  EXPECT_EQ(text::to_json(*list[1].find("prompt_logprobs")), "[null]") << "in each choice";
  EXPECT_TRUE(list[3].find("prompt_logprobs")->is_null()) << "the prompt was not computed";
  EXPECT_EQ(body->find("prompt_logprobs"), nullptr);
}

TEST(ResponseWriter, chat_says_at_the_top_what_is_asked_of_the_prompt) {
  const std::vector<WholeChoice> choices(2);
  std::vector<WholePrompt> prompts = two_prompts();
  prompts.resize(1);
  const auto write = [&](AnswerOptions options) {
    return text::parse_json(response_body(head(Api::kChat), options,
                                          {.choices = choices, .prompts = prompts}, {}))
        .value();
  };
  const text::Json asked = write({.token_ids = true, .prompt_logprobs = true});
  EXPECT_EQ(text::to_json(*asked.find("prompt_token_ids")), "[4]");
  EXPECT_EQ(text::to_json(*asked.find("prompt_logprobs")), "[null]");
  EXPECT_EQ(asked.find("choices")->as_array()[0].find("prompt_logprobs"), nullptr);
  const text::Json silent = write({});
  EXPECT_EQ(silent.find("prompt_token_ids"), nullptr);
  EXPECT_EQ(silent.find("prompt_logprobs"), nullptr);
}

TEST(AnswerParts, fingerprint_is_eight_digits_of_the_digest) {
  EXPECT_EQ(system_fingerprint("sha256:0123456789abcdef"), "fp_01234567");
}

}  // namespace
}  // namespace penstock::openai
