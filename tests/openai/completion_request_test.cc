#include "openai/completion_request.h"

#include <gtest/gtest.h>

#include "request_case.h"

namespace penstock::openai {
namespace {

using Ids = std::vector<TokenId>;

TEST(CompletionRequest, takes_all_four_forms_of_a_prompt) {
  EXPECT_EQ(completion_with("prompt", "\"hi\"")->prompts, std::vector<Prompt>{"hi"});
  EXPECT_EQ(completion_with("prompt", R"(["a","b"])")->prompts, (std::vector<Prompt>{"a", "b"}));
  EXPECT_EQ(completion_with("prompt", "[1,2]")->prompts, std::vector<Prompt>{(Ids{1, 2})});
  EXPECT_EQ(completion_with("prompt", "[[1],[2,3]]")->prompts,
            (std::vector<Prompt>{Ids{1}, Ids{2, 3}}));
}

TEST(CompletionRequest, errors_in_prompts_name_the_place) {
  EXPECT_EQ(outcome(completion_with("prompt", R"(["a",5])")), "prompt[1]: invalid_value");
  EXPECT_EQ(outcome(completion_with("prompt", R"(["a",""])")), "prompt[1]: invalid_value");
  EXPECT_EQ(outcome(completion_with("prompt", R"([[1],"a"])")), "prompt[1]: invalid_value");
  EXPECT_EQ(outcome(completion_with("prompt", "[1,-1]")), "prompt[1]: invalid_value");
  EXPECT_EQ(outcome(completion_with("prompt", "[[1],[4294967296]]")),
            "prompt[1][0]: invalid_value");
}

TEST(CompletionRequest, has_at_most_128_prompts) {
  std::string list = "[\"a\"";
  for (int i = 1; i < 128; ++i) list += ",\"a\"";
  EXPECT_EQ(outcome(completion_with("prompt", list + "]")), "ok");
  EXPECT_EQ(outcome(completion_with("prompt", list + ",\"a\"]")), "prompt: invalid_value");
}

TEST(CompletionRequest, generates_nothing_only_to_echo) {
  EXPECT_EQ(outcome(completion_with("max_tokens", "0")), "max_tokens: invalid_value");
  const auto echo =
      parse_completion_text(R"({"model":"m","prompt":"a","max_tokens":0,"echo":true})");
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->shared.max_tokens, 0u);
}

TEST(CompletionRequest, computing_the_prompt_generates_at_least_one_token) {
  EXPECT_EQ(outcome(parse_completion_text(
                R"({"model":"m","prompt":"a","max_tokens":0,"echo":true,"prompt_logprobs":0})")),
            "max_tokens: invalid_value");
  const auto request =
      parse_completion_text(R"({"model":"m","prompt":"a","max_tokens":1,"prompt_logprobs":0})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->shared.output.prompt_logprobs, 0u);
}

TEST(CompletionRequest, an_echo_with_logprobs_computes_the_prompt) {
  const auto both = parse_completion_text(
      R"({"model":"m","prompt":"a","echo":true,"logprobs":1,"prompt_logprobs":3})");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->shared.output.computed_prompt_logprobs(), 3u);
  const auto echo = parse_completion_text(R"({"model":"m","prompt":"a","echo":true,"logprobs":2})");
  ASSERT_TRUE(echo);
  EXPECT_EQ(echo->shared.output.computed_prompt_logprobs(), 2u);
  EXPECT_FALSE(echo->shared.output.prompt_logprobs);
  EXPECT_EQ(outcome(parse_completion_text(
                R"({"model":"m","prompt":"a","echo":true,"logprobs":2,"max_tokens":0})")),
            "max_tokens: invalid_value");
}

TEST(CompletionRequest, raw_prompts_and_token_data_belong_to_chat) {
  EXPECT_EQ(outcome(completion_with("nvext", R"({"token_data":[1]})")),
            "penstock: unsupported_parameter");
}

}  // namespace
}  // namespace penstock::openai
