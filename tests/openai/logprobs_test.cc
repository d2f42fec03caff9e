#include "openai/logprobs.h"

#include <gtest/gtest.h>

#include <limits>

#include "text/json.h"

namespace penstock::openai {
namespace {

std::vector<TokenLogprob> two_tokens() {
  std::vector<TokenLogprob> tokens(2);
  tokens[0] = {.id = 7, .bytes = " a", .logprob = -0.5F, .text_offset = 0, .top = {}};
  tokens[0].top = {{7, " a", -0.5F}, {8, "\xc3", -2.0F}};
  tokens[1] = {.id = 8, .bytes = "\xc3", .logprob = -2.0F, .text_offset = 2, .top = {}};
  return tokens;
}

TEST(Logprobs, chat_shape) {
  std::string out;
  append_chat_logprobs(out, two_tokens(), false);
  EXPECT_EQ(out, R"({"content":[{"token":" a","logprob":-0.5,"bytes":[32,97],"top_logprobs":[)"
                 R"({"token":" a","logprob":-0.5,"bytes":[32,97]},)"
                 "{\"token\":\"\xEF\xBF\xBD\",\"logprob\":-2,\"bytes\":[195]}]},"
                 "{\"token\":\"\xEF\xBF\xBD\",\"logprob\":-2,\"bytes\":[195],\"top_logprobs\":[]}],"
                 "\"refusal\":null}");
}

TEST(Logprobs, completions_shape_keeps_undecodable_tokens_apart) {
  std::string out;
  append_completion_logprobs(out, two_tokens(), false, 10);
  EXPECT_EQ(out, R"({"tokens":[" a","bytes:\\xc3"],"token_logprobs":[-0.5,-2],)"
                 R"("top_logprobs":[{" a":-0.5,"bytes:\\xc3":-2},null],"text_offset":[10,12]})");
}

TEST(Logprobs, tokens_read_as_ids_when_asked) {
  std::string out;
  append_completion_logprobs(out, two_tokens(), true);
  EXPECT_NE(out.find(R"("tokens":["token_id:7","token_id:8"])"), std::string::npos);
}

TEST(Logprobs, a_prompt_has_a_null_first_and_then_each_token_with_its_rank) {
  std::vector<TokenLogprob> tokens(2);
  tokens[0] = {.id = 7, .bytes = " a", .logprob = -3.5F, .rank = 40, .top = {}};
  tokens[0].top = {{9, "\xc3", -0.5F}, {8, "\"", -2.0F}};
  tokens[1] = {.id = 8, .bytes = "b", .logprob = -2.0F, .rank = 1, .top = {}};
  tokens[1].top = {{9, "c", -0.5F}, {8, "b", -2.0F}, {7, " a", -3.0F}};
  std::string out;
  append_prompt_logprobs(out, tokens);
  EXPECT_EQ(out,
            "[null,"
            R"({"7":{"logprob":-3.5,"rank":41,"decoded_token":" a"},)"
            "\"9\":{\"logprob\":-0.5,\"rank\":1,\"decoded_token\":\"\xEF\xBF\xBD\"},"
            R"("8":{"logprob":-2,"rank":2,"decoded_token":"\""}},)"
            R"({"8":{"logprob":-2,"rank":2,"decoded_token":"b"},)"
            R"("9":{"logprob":-0.5,"rank":1,"decoded_token":"c"},)"
            R"("7":{"logprob":-3,"rank":3,"decoded_token":" a"}}])");
  out.clear();
  append_prompt_logprobs(out, {});
  EXPECT_EQ(out, "[null]") << "a prompt of one token";
}

TEST(Logprobs, never_is_a_number) {
  std::vector<TokenLogprob> tokens(1);
  tokens[0].logprob = -std::numeric_limits<float>::infinity();
  std::string out;
  append_chat_logprobs(out, tokens, false);
  EXPECT_NE(out.find(R"("logprob":-9999)"), std::string::npos);
}

TEST(Logprobs, equal_texts_appear_once_in_a_map) {
  std::vector<TokenLogprob> tokens(1);
  tokens[0].top = {{1, "x", -1.0F}, {2, "x", -2.0F}};
  std::string out;
  append_completion_logprobs(out, tokens, false);
  EXPECT_NE(out.find(R"("top_logprobs":[{"x":-1}])"), std::string::npos);
}

}  // namespace
}  // namespace penstock::openai
