#include "engine/validate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace penstock::engine {
namespace {

constexpr EngineLimits kLimits{.vocab_size = 100, .context_length = 50};

EngineRequest good_request() {
  EngineRequest request;
  request.prompt = {1, 2, 3};
  request.choices = {{}};
  request.max_tokens = 47;
  return request;
}

std::string message_after(const std::function<void(EngineRequest&)>& change) {
  EngineRequest request = good_request();
  change(request);
  const Status status = validate(request, kLimits);
  if (status) return "";
  EXPECT_EQ(status.error().code(), ErrorCode::kInvalid);
  return status.error().message();
}

struct Case {
  std::function<void(EngineRequest&)> change;
  std::vector<std::string> says;  // parts of the message
};

void expect_refused(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const std::string message = message_after(each.change);
    for (const std::string& part : each.says) {
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
    }
  }
}

TEST(Validate, takes_every_field_at_its_limits) {
  EXPECT_EQ(message_after([](auto& r) {
              r.allowed_token_ids.assign(1024, 99);
              r.bad_sequences.assign(256, std::vector<TokenId>(512, 98));
              r.logit_bias.assign(1024, {99, -100.0F});
              r.stop_token_ids.assign(64, 0);
              r.eos_token_ids = {5000};
              r.logprobs = 20;
              r.prompt_logprobs = 20;
              r.min_tokens = 47;
            }),
            "");
}

TEST(Validate, names_the_lengths_that_do_not_fit) {
  expect_refused({
      {[](auto& r) { r.prompt.clear(); }, {"no tokens"}},
      {[](auto& r) { r.choices.clear(); }, {"no choice"}},
      {[](auto& r) { r.prompt.assign(50, 1); }, {"50 tokens", "at most 49"}},
      {[](auto& r) { r.max_tokens = 48; }, {"3 tokens", "(48)", "50"}},
      {[](auto& r) { r.max_tokens = 0; }, {"at least 1"}},
      {[](auto& r) { r.min_tokens = 48; }, {"48", "at most max_tokens, 47"}},
      {[](auto& r) { r.choices = {{.number = 4, .generated = std::vector<TokenId>(47, 1)}}; },
       {"choice 4", "47"}},
  });
}

TEST(Validate, names_the_token_that_the_vocabulary_has_not) {
  expect_refused({
      {[](auto& r) { r.prompt[1] = 100; }, {"prompt", "100"}},
      {[](auto& r) { r.choices[0].generated = {101}; }, {"generated", "101", "100"}},
      {[](auto& r) { r.stop_token_ids = {102}; }, {"stop_token_ids", "102", "100"}},
      {[](auto& r) { r.allowed_token_ids = {1, 103}; }, {"allowed_token_ids", "103", "100"}},
      {[](auto& r) { r.bad_sequences = {{1}, {2, 104}}; }, {"bad_words", "104", "100"}},
      {[](auto& r) { r.logit_bias = {{105, 1.0F}}; }, {"logit_bias", "105", "100"}},
  });
}

TEST(Validate, names_the_count_and_its_limit) {
  expect_refused({
      {[](auto& r) { r.stop_token_ids.assign(65, 1); }, {"stop_token_ids", "65", "64"}},
      {[](auto& r) { r.allowed_token_ids.assign(1025, 1); }, {"allowed_token_ids", "1025", "1024"}},
      {[](auto& r) { r.bad_sequences.assign(257, {1}); }, {"bad_words", "257", "256"}},
      {[](auto& r) { r.bad_sequences = {{}}; }, {"bad_words", "0 tokens", "1 to 512"}},
      {[](auto& r) { r.bad_sequences = {std::vector<TokenId>(513, 1)}; }, {"513 tokens", "512"}},
      {[](auto& r) { r.logit_bias.assign(1025, {1, 1.0F}); }, {"logit_bias", "1025", "1024"}},
      {[](auto& r) { r.logprobs = 21; }, {"logprobs", "21", "20"}},
      {[](auto& r) { r.prompt_logprobs = 21; }, {"prompt_logprobs", "21", "20"}},
  });
}

TEST(Validate, refuses_sampling_parameters_out_of_range_and_nan) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  expect_refused({
      {[](auto& r) { r.sampling.temperature = -1; }, {"temperature", "-1"}},
      {[=](auto& r) { r.sampling.temperature = nan; }, {"temperature", "nan"}},
      {[](auto& r) { r.sampling.top_p = 0; }, {"top_p", "0"}},
      {[](auto& r) { r.sampling.min_p = 1.5F; }, {"min_p", "1.5"}},
      {[=](auto& r) { r.sampling.presence_penalty = infinity; }, {"presence_penalty", "inf"}},
      {[=](auto& r) { r.sampling.frequency_penalty = nan; }, {"frequency_penalty", "nan"}},
      {[](auto& r) { r.sampling.repetition_penalty = 0; }, {"repetition_penalty", "0"}},
      {[=](auto& r) { r.logit_bias = {{1, nan}}; }, {"logit_bias", "nan"}},
  });
}

TEST(Validate, refuses_settings_under_which_no_first_token_exists) {
  expect_refused({
      {[](auto& r) {
         r.allowed_token_ids = {1, 2};
         r.bad_sequences = {{1}};
         r.eos_token_ids = {2};
         r.min_tokens = 1;
       },
       {"bad_words", "min_tokens", "allowed_token_ids"}},
  });
  EXPECT_EQ(message_after([](auto& r) {
              r.allowed_token_ids = {1, 2};
              r.bad_sequences = {{1}};
              r.eos_token_ids = {2};
            }),
            "");
}

}  // namespace
}  // namespace penstock::engine
