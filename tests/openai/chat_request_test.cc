#include "openai/chat_request.h"

#include <gtest/gtest.h>

#include "request_case.h"

namespace penstock::openai {
namespace {

std::string chat_of(std::string_view messages) {
  return R"({"model":"m","messages":)" + std::string(messages) + "}";
}

TEST(ChatRequest, reads_every_typed_member) {
  const auto request = parse_chat_text(R"({"model":"m","messages":[{"role":"user","content":"hi"}],
    "max_tokens":5,"min_tokens":2,"n":3,"temperature":0.5,"top_p":0.9,"top_k":-1,"min_p":0.1,
    "frequency_penalty":1,"presence_penalty":-1,"repetition_penalty":1.5,"seed":-1,
    "logit_bias":{"7":-2.5},"allowed_token_ids":[8,7],"bad_words":["x"," y"],"stop":["a","b"],"stop_token_ids":[4],"ignore_eos":true,
    "include_stop_str_in_output":true,"logprobs":true,"top_logprobs":4,"return_token_ids":true,
    "return_tokens_as_token_ids":true,"skip_special_tokens":false,"stream":true,
    "stream_options":{"include_usage":true,"continuous_usage_stats":true},"cache_salt":"s",
    "chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"low","store":true})");
  ASSERT_TRUE(request) << request.error().message;
  const GenerationRequest& shared = request->shared;
  EXPECT_EQ(shared.max_tokens, 5u);
  EXPECT_EQ(shared.n, 3u);
  EXPECT_EQ(shared.sampling.temperature, 0.5);
  EXPECT_EQ(shared.sampling.top_k, 0) << "-1 and 0 both mean all";
  EXPECT_EQ(shared.sampling.seed, UINT64_MAX) << "a seed is its 64 bits";
  EXPECT_EQ(shared.sampling.logit_bias.at(0), (std::pair<TokenId, float>{7, -2.5F}));
  EXPECT_EQ(shared.sampling.allowed_token_ids, (std::vector<TokenId>{8, 7}));
  EXPECT_EQ(shared.sampling.bad_words, (std::vector<std::string>{"x", " y"}));
  EXPECT_EQ(shared.stop.strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(shared.stop.min_tokens, 2u);
  EXPECT_EQ(shared.output.logprobs, 4u);
  EXPECT_TRUE(shared.output.continuous_usage);
  EXPECT_TRUE(shared.wants_store);
  EXPECT_EQ(request->template_fields.find("reasoning_effort")->as_string(), "low");
  EXPECT_FALSE(request->template_kwargs.find("enable_thinking")->as_bool());
}

TEST(ChatRequest, absent_sampling_stays_absent_for_the_card_to_fill) {
  const auto request = parse_chat_text(kChatBody);
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->shared.sampling.temperature);
  EXPECT_FALSE(request->shared.sampling.top_k);
  EXPECT_FALSE(request->shared.max_tokens);
  EXPECT_FALSE(request->shared.sampling.seed);
}

TEST(ChatRequest, messages_are_checked_to_the_last_member) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"([{"role":"user","content":"a"},5])", "messages[1]: invalid_value"},
      {R"([{"content":"a"}])", "messages[0].role: missing_parameter"},
      {R"([{"role":"robot","content":"a"}])", "messages[0].role: invalid_value"},
      {R"([{"role":1,"content":"a"}])", "messages[0].role: invalid_value"},
      {R"([{"role":"user"}])", "messages[0].content: missing_parameter"},
      {R"([{"role":"assistant","content":null}])", "messages[0].content: missing_parameter"},
      {R"([{"role":"user","content":5}])", "messages[0].content: invalid_value"},
      {R"([{"role":"user","content":[]}])", "messages[0].content: invalid_value"},
      {R"([{"role":"user","content":["a"]}])", "messages[0].content[0]: invalid_value"},
      {R"([{"role":"user","content":[{}]}])", "messages[0].content[0].type: missing_parameter"},
      {R"([{"role":"user","content":[{"type":"image_url"}]}])",
       "messages[0].content[0].type: unsupported_content"},
      {R"([{"role":"user","content":[{"type":"refusal","refusal":"x"}]}])",
       "messages[0].content[0].type: unsupported_content"},
      {R"([{"role":"user","content":[{"type":"text"}]}])",
       "messages[0].content[0].text: missing_parameter"},
      {R"([{"role":"user","content":[{"type":"text","text":5}]}])",
       "messages[0].content[0].text: invalid_value"},
      {R"([{"role":"user","content":"a","name":5}])", "messages[0].name: invalid_value"},
      {R"([{"role":"tool","content":"a"}])", "messages[0].tool_call_id: missing_parameter"},
      {R"([{"role":"assistant","content":"a","tool_calls":[{}]}])",
       "messages[0].tool_calls: unsupported_parameter"},
      {R"([{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}])", "ok"},
      {R"([{"role":"tool","content":"a","tool_call_id":"c"}])", "ok"},
      {R"([{"role":"developer","content":[{"type":"text","text":"a"}]}])", "ok"},
  };
  for (const auto& [messages, expected] : cases) {
    EXPECT_EQ(outcome(parse_chat_text(chat_of(messages))), expected) << messages;
  }
}

TEST(ChatRequest, combinations_that_contradict_each_other_are_refused) {
  const std::tuple<std::string_view, std::string_view, std::string_view> cases[] = {
      {"\"max_tokens\":5", "\"max_completion_tokens\":6", "max_tokens: invalid_value"},
      {"\"max_tokens\":5", "\"max_completion_tokens\":5", "ok"},
      {"\"max_tokens\":5", "\"min_tokens\":6", "min_tokens: invalid_value"},
      {"\"top_logprobs\":1", "\"logprobs\":false", "top_logprobs: invalid_value"},
      {"\"prompt_logprobs\":1", "\"stream\":false", "ok"},
      {"\"prompt_logprobs\":0", "\"stream\":true", "prompt_logprobs: invalid_value"},
      {"\"stream_options\":{}", "\"stream\":false", "stream_options: invalid_value"},
      {"\"stream_options\":{\"x\":1}", "\"stream\":true", "stream_options.x: unknown_parameter"},
      {"\"stream_options\":{\"include_usage\":1}", "\"stream\":true",
       "stream_options.include_usage: invalid_value"},
      {"\"n\":2", "\"best_of\":2", "ok"},
      {"\"n\":2", "\"best_of\":3", "best_of: unsupported_parameter"},
      {"\"penstock\":{}", "\"nvext\":{}", "nvext: invalid_value"},
      {"\"penstock\":{\"greed_sampling\":true}", "\"temperature\":1",
       "penstock.greed_sampling: invalid_value"},
      {"\"penstock\":{\"cache_salt\":\"a\"}", "\"cache_salt\":\"b\"",
       "penstock.cache_salt: invalid_value"},
      {"\"penstock\":{\"prefill_dp_rank\":1}", "\"n\":1",
       "penstock.prefill_dp_rank: unsupported_parameter"},
      {"\"nvext\":{\"bogus\":1}", "\"n\":1", "nvext.bogus: unknown_parameter"},
      {"\"nvext\":{\"annotations\":[\"token_ids\"]}", "\"n\":1",
       "nvext.annotations: invalid_value"},
      {"\"nvext\":{\"annotations\":[\"query_instance_id\"]}", "\"stream\":true",
       "nvext.annotations[0]: unsupported_parameter"},
      {"\"nvext\":{\"extra_fields\":[\"stop_reason\",\"timing\"]}", "\"n\":1",
       "nvext.extra_fields[1]: unsupported_parameter"},
      {"\"nvext\":{\"token_data\":[1,-2]}", "\"n\":1", "nvext.token_data[1]: invalid_value"},
      {"\"add_generation_prompt\":true", "\"continue_final_message\":true",
       "continue_final_message: invalid_value"},
      {"\"chat_template_kwargs\":{}", "\"chat_template_args\":{}",
       "chat_template_args: invalid_value"},
  };
  for (const auto& [one, other, expected] : cases) {
    const std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}],)" +
                             std::string(one) + "," + std::string(other) + "}";
    EXPECT_EQ(outcome(parse_chat_text(body)), expected) << body;
  }
}

TEST(ChatRequest, continuing_needs_a_last_message_of_the_assistant) {
  const auto request = parse_chat_text(R"({"model":"m","continue_final_message":true,
      "messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->continue_final_message);
  EXPECT_FALSE(request->add_generation_prompt);
  EXPECT_EQ(outcome(chat_with("continue_final_message", "true")),
            "continue_final_message: invalid_value");
}

TEST(ChatRequest, null_members_of_messages_are_gone) {
  const auto request =
      parse_chat_text(chat_of(R"([{"role":"user","content":"a","name":null,"tool_calls":null}])"));
  ASSERT_TRUE(request);
  EXPECT_EQ(text::to_json(request->messages[0]), R"({"role":"user","content":"a"})");
}

TEST(ChatRequest, a_body_that_is_no_object_is_refused) {
  EXPECT_EQ(outcome(parse_chat_text("[]")), "null: invalid_value");
  EXPECT_EQ(outcome(parse_chat_text("{}")), "messages: missing_parameter");
  EXPECT_EQ(outcome(parse_chat_text(R"({"messages":[{"role":"user","content":"hi"}]})")),
            "model: missing_parameter");
  EXPECT_EQ(outcome(parse_chat_text(R"({"model":"m"})")), "messages: missing_parameter");
}

}  // namespace
}  // namespace penstock::openai
