// Each listed field: a good value, each bound, one step beyond it, a wrong type.
#include "openai/field_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "request_case.h"

namespace penstock::openai {
namespace {

struct FieldCase {
  std::string name;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

std::string chars(std::size_t n) {
  return '"' + std::string(n, 'x') + '"';
}

std::string repeated(std::string_view open, std::string_view item, std::size_t n,
                     std::string_view close) {
  std::string out(open);
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) out += ',';
    out += item;
  }
  return out + std::string(close);
}

const std::vector<FieldCase>& shared_cases() {
  static const std::vector<FieldCase> cases = {
      {"model", {"\"m\"", chars(256)}, {"\"\"", chars(257), "1", "[]"}},
      {"n", {"1", "16", "2.0"}, {"0", "17", "1.5", "\"1\"", "true"}},
      {"temperature", {"0", "2", "0.7"}, {"-0.01", "2.01", "\"1\""}},
      {"top_p", {"0.0001", "1"}, {"0", "1.01", "[]"}},
      {"top_k", {"-1", "0", "50"}, {"-2", "1.5", "\"5\""}},
      {"min_p", {"0", "1"}, {"-0.1", "1.1", "{}"}},
      {"frequency_penalty", {"-2", "2"}, {"-2.1", "2.1", "true"}},
      {"presence_penalty", {"-2", "2"}, {"-2.1", "2.1", "\"\""}},
      {"repetition_penalty", {"0.01", "2"}, {"0", "2.01", "[1]"}},
      {"seed",
       {"-9223372036854775808", "9223372036854775807", "0"},
       {"9223372036854775808", "1.5", "\"7\""}},
      {"logit_bias",
       {"{}", R"({"5":-100,"6":100})"},
       {R"({"x":1})", R"({"05":1})", R"({"5":101})", "[]"}},
      {"allowed_token_ids",
       {"[0]", repeated("[", "7", 1024, "]")},
       {"[]", repeated("[", "7", 1025, "]"), "[-1]", "[\"a\"]", "[1.5]", "5", "{}"}},
      {"bad_words",
       {"[]", "[\"a\"]", repeated("[", "\"ab\"", 128, "]"), "[" + chars(256) + "]"},
       {repeated("[", "\"ab\"", 129, "]"), "[\"\"]", "[" + chars(257) + "]", "[5]", "\"a\""}},
      {"prompt_logprobs", {"0", "20"}, {"21", "-1", "true", "\"5\"", "1.5"}},
      {"stop",
       {"\"a\"", "[]", repeated("[", "\"ab\"", 16, "]"), chars(256)},
       {"\"\"", repeated("[", "\"ab\"", 17, "]"), chars(257), "5", "[5]", "[\"\"]"}},
      {"stop_token_ids",
       {"[]", "[1,2]", repeated("[", "1", 64, "]")},
       {repeated("[", "1", 65, "]"), "[-1]", "[1.5]", "5"}},
      {"include_stop_str_in_output", {"true", "false"}, {"1", "\"true\""}},
      {"ignore_eos", {"true"}, {"0"}},
      {"return_token_ids", {"true"}, {"1"}},
      {"return_tokens_as_token_ids", {"true"}, {"1"}},
      {"skip_special_tokens", {"false"}, {"\"no\""}},
      {"stream", {"true", "false"}, {"1"}},
      {"response_format",
       {R"({"type":"text"})"},
       {"{}", R"({"type":"xml"})", R"({"type":"json_object"})", "\"text\""}},
      {"cache_salt", {"\"a.B:9_-\"", chars(128)}, {"\"\"", chars(129), "\"a b\"", "5"}},
      {"user", {chars(256), "\"\""}, {chars(257), "1"}},
      {"safety_identifier", {chars(256)}, {chars(257), "1"}},
      {"metadata", {R"({"a":"b"})", "{}"}, {R"({"a":1})", "[]"}},
      {"prompt_cache_key", {chars(256)}, {chars(257), "1"}},
      {"service_tier", {"\"auto\"", "\"default\""}, {"\"flex\"", "1"}},
      {"store", {"true", "false"}, {"1"}},
      {"penstock", {"{}", R"({"greed_sampling":true})"}, {"[]", "1"}},
      {"best_of", {"1"}, {"2", "0", "\"1\""}},
  };
  return cases;
}

const std::vector<FieldCase>& chat_cases() {
  static const std::vector<FieldCase> cases = {
      {"max_tokens", {"1", "100000"}, {"0", "-1", "1.5", "\"5\""}},
      {"max_completion_tokens", {"1"}, {"0", "[]"}},
      {"min_tokens", {"0", "5"}, {"-1", "\"1\""}},
      {"messages", {}, {"[]", "{}", "\"hi\""}},
      {"logprobs", {"true"}, {"1"}},
      {"tools", {"[]"}, {R"([{"type":"function"}])", "{}"}},
      {"tool_choice", {"\"none\""}, {"\"auto\"", "\"required\"", "1"}},
      {"parallel_tool_calls", {"true"}, {"1"}},
      {"reasoning_effort", {"\"none\"", "\"high\""}, {"\"huge\"", "1"}},
      {"documents", {"[]"}, {"{}"}},
      {"verbosity", {"\"low\""}, {"1"}},
      {"chat_template_kwargs", {"{}", R"({"a":null})"}, {"[]"}},
      {"chat_template_args", {"{}"}, {"[]"}},
      {"add_generation_prompt", {"true", "false"}, {"1"}},
      {"continue_final_message", {"false"}, {"1", "true"}},
      {"modalities", {"[\"text\"]"}, {"[\"audio\"]", "[]", "\"text\""}},
  };
  return cases;
}

const std::vector<FieldCase>& completion_cases() {
  static const std::vector<FieldCase> cases = {
      {"max_tokens", {"1", "100000"}, {"0", "-1", "1.5", "\"5\""}},
      {"min_tokens", {"0", "16"}, {"17", "-1"}},
      {"prompt", {}, {"\"\"", "[]", "[[]]", "[\"\"]", "1", "{}", "[1,\"a\"]"}},
      {"echo", {"true"}, {"1"}},
      {"logprobs", {"0", "20"}, {"21", "-1", "true"}},
      {"add_special_tokens", {"false"}, {"1"}},
  };
  return cases;
}

std::string root_of(const std::string& param) {
  return param.substr(0, param.find_first_of(".["));
}

template <class Parse>
void expect_cases(const std::vector<FieldCase>& cases, Parse&& parse) {
  for (const FieldCase& field : cases) {
    for (const std::string& good : field.good) {
      EXPECT_EQ(outcome(parse(field.name, good)), "ok") << field.name << " = " << good;
    }
    for (const std::string& bad : field.bad) {
      const auto result = parse(field.name, bad);
      ASSERT_FALSE(result) << field.name << " = " << bad;
      EXPECT_EQ(row_of(result.error().code).status, 400) << field.name << " = " << bad;
      EXPECT_EQ(root_of(result.error().param.value_or("")), field.name)
          << field.name << " = " << bad << ": " << result.error().message;
    }
    EXPECT_TRUE(field.name == "model" || field.name == "messages" || field.name == "prompt" ||
                parse(field.name, "null"))
        << field.name << ": null equals absent";
  }
}

TEST(FieldTable, chat_fields_keep_their_types_and_ranges) {
  expect_cases(shared_cases(), chat_with);
  expect_cases(chat_cases(), chat_with);
}

TEST(FieldTable, completion_fields_keep_their_types_and_ranges) {
  expect_cases(shared_cases(), completion_with);
  expect_cases(completion_cases(), completion_with);
}

TEST(FieldTable, fields_that_are_not_built_or_never_offered_are_refused_by_name) {
  const FieldTable chat = FieldTable::chat({});
  std::size_t num_refused = 0;
  for (const FieldSpec& spec : chat.specs()) {
    if (spec.state != FieldState::kNotBuilt && spec.state != FieldState::kRefused) continue;
    ++num_refused;
    EXPECT_EQ(outcome(chat_with(spec.name, "1")),
              std::string(spec.name) + ": unsupported_parameter");
    EXPECT_EQ(outcome(chat_with(spec.name, "null")), "ok") << spec.name;
  }
  EXPECT_GT(num_refused, 15u);
}

TEST(FieldTable, chat_fields_are_refused_on_completions) {
  for (const std::string_view name : {"messages", "tools", "chat_template_kwargs", "documents",
                                      "add_generation_prompt", "top_logprobs"}) {
    EXPECT_EQ(outcome(completion_with(name, "[]")), std::string(name) + ": unsupported_parameter");
  }
}

TEST(FieldTable, unlisted_fields_are_named_and_ignored_or_rejected) {
  const text::Json body = with_member(kChatBody, "made_up", "[1]");
  const auto ignored = parse_chat(body);
  ASSERT_TRUE(ignored);
  EXPECT_EQ(ignored->shared.ignored_fields, std::vector<std::string>{"made_up"});
  EXPECT_EQ(outcome(parse_chat(body, UnknownFields::kReject)), "made_up: unknown_parameter");
}

TEST(FieldTable, the_limit_of_n_is_the_process_s) {
  const FieldTable table = FieldTable::chat({.max_n = 2});
  const auto result =
      parse_chat_request(with_member(kChatBody, "n", "3"), table, UnknownFields::kIgnore);
  EXPECT_EQ(outcome(result), "n: invalid_value");
}

}  // namespace
}  // namespace penstock::openai
