#include "engine/logit_processor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "engine/sampler.h"
#include "engine/validate.h"

namespace penstock::engine {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

EngineRequest make_request() {
  EngineRequest request;
  request.prompt = {0, 1};
  request.choices = {{}};
  request.max_tokens = 8;
  return request;
}

// The processed row after `generated`; the error's message when there is none.
struct Processed {
  std::vector<float> row;
  std::string error;
  std::optional<ErrorCode> code;
};
Processed process(const EngineRequest& request, const std::vector<float>& row,
                  const std::vector<TokenId>& generated = {}) {
  const LogitProcessor processor(request, generated);
  std::vector<float> scratch(row.size());
  const auto got = processor.process(row, generated, scratch);
  if (!got) return {{}, got.error().message(), got.error().code()};
  return {{got->begin(), got->end()}, "", std::nullopt};
}

TEST(LogitProcessor, gives_back_the_row_itself_when_nothing_applies) {
  EngineRequest request = make_request();
  request.eos_token_ids = {3};
  request.stop_token_ids = {2};
  request.bad_sequences = {{1, 2}};
  const std::vector<float> row = {1, 2, 3, 4};
  std::vector<float> scratch(row.size());
  const LogitProcessor processor(request, {});
  EXPECT_EQ(processor.process(row, {}, scratch)->data(), row.data());
  const std::vector<TokenId> generated = {1};
  EXPECT_EQ(processor.process(row, generated, scratch)->data(), scratch.data());
  EXPECT_EQ(row, (std::vector<float>{1, 2, 3, 4})) << "the model's row is never changed";
}

TEST(LogitProcessor, applies_penalties_before_bias_and_masks_last) {
  EngineRequest request = make_request();
  request.sampling.repetition_penalty = 2.0F;
  request.logit_bias = {{0, 10.0F}, {2, 100.0F}, {3, 100.0F}};
  request.allowed_token_ids = {3, 1, 0};
  request.bad_sequences = {{3}};
  EXPECT_EQ(process(request, {4, -1, 7, 7}).row, (std::vector<float>{12, -2, kMasked, kMasked}));
}

TEST(LogitProcessor, masks_eos_and_no_stop_id_until_min_tokens) {
  EngineRequest request = make_request();
  request.min_tokens = 2;
  request.eos_token_ids = {3, 900};
  request.stop_token_ids = {2};
  const std::vector<float> row = {1, 2, 3, 4};
  EXPECT_EQ(process(request, row).row, (std::vector<float>{1, 2, 3, kMasked}));
  EXPECT_EQ(process(request, row, {0}).row, (std::vector<float>{1, 2, 3, kMasked}));
  EXPECT_EQ(process(request, row, {0, 0}).row, row);
  request.ignore_eos = true;
  EXPECT_EQ(process(request, row).row, row) << "EOS is a token like any other";
}

TEST(LogitProcessor, penalties_know_what_a_migrated_choice_has_generated) {
  EngineRequest request = make_request();
  request.sampling.frequency_penalty = 1.0F;
  const std::vector<float> row = {0, 0, 0, 0};
  std::vector<float> scratch(row.size());
  const std::vector<TokenId> generated = {2, 3, 2};
  LogitProcessor grown(request, {});
  for (const TokenId id : generated) grown.accept(id);
  const auto got = *grown.process(row, generated, scratch);
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), process(request, row, generated).row);
  EXPECT_EQ(got[2], -2.0F);
  EXPECT_EQ(got[0], 0.0F) << "prompt tokens have no frequency";
}

TEST(LogitProcessor, names_what_conflicts_when_no_token_is_left) {
  EngineRequest request = make_request();
  request.allowed_token_ids = {1, 3};
  request.bad_sequences = {{0, 1}};
  request.eos_token_ids = {3};
  request.min_tokens = 4;
  const std::vector<float> row = {1, 2, 3, 4};
  EXPECT_EQ(process(request, row).row, (std::vector<float>{kMasked, 2, kMasked, kMasked}));
  const Processed got = process(request, row, {0});
  EXPECT_EQ(got.code, ErrorCode::kInvalid);
  for (const char* part : {"position 1", "allowed_token_ids leaves 2", "bad_words forbid 1",
                           "min_tokens keeps EOS out before token 4"}) {
    EXPECT_NE(got.error.find(part), std::string::npos) << got.error;
  }
}

TEST(LogitProcessor, a_row_without_any_token_is_the_model_s_fault) {
  EngineRequest request = make_request();
  request.allowed_token_ids = {1};
  EXPECT_EQ(process(request, {kMasked, kMasked}).code, ErrorCode::kInternal);
  EXPECT_EQ(process(request, {1, kMasked}).code, ErrorCode::kInvalid);
}

TEST(LogitProcessor, no_mask_hides_a_nan) {
  EngineRequest request = make_request();
  request.allowed_token_ids = {1};
  const Processed got = process(request, {std::nanf(""), 2, 3});
  EXPECT_EQ(got.code, ErrorCode::kInternal);
  EXPECT_NE(got.error.find("NaN"), std::string::npos);
}

// Every setting at random over a small vocabulary, against the meaning of each written anew.
class RandomRequest {
 public:
  explicit RandomRequest(std::uint32_t seed) : source_(seed) {}

  EngineRequest make() {
    EngineRequest request;
    request.choices = {{}};
    request.max_tokens = 20;
    request.prompt = ids(1, 6);
    if (coin()) request.allowed_token_ids = ids(1, coin() ? 2 : 12);
    if (coin()) {
      for (std::uint32_t i = below(6); i > 0; --i) request.bad_sequences.push_back(ids(1, 3));
    }
    if (coin()) {
      for (const TokenId id : ids(1, 4)) request.logit_bias.emplace_back(id, number(100));
    }
    if (coin()) request.sampling.repetition_penalty = 0.5F + number(0.4F);
    if (coin()) request.sampling.presence_penalty = number(2);
    if (coin()) request.sampling.frequency_penalty = number(2);
    request.eos_token_ids = ids(1, 2);
    request.min_tokens = below(6);
    request.ignore_eos = below(4) == 0;
    request.sampling.seed = source_();
    return request;
  }
  std::vector<float> row() {
    std::vector<float> row(kVocabSize);
    for (float& logit : row) logit = number(10);
    return row;
  }
  static constexpr std::uint32_t kVocabSize = 12;

 private:
  std::uint32_t below(std::uint32_t n) { return source_() % n; }
  bool coin() { return below(2) == 0; }
  float number(float scale) { return scale * (static_cast<float>(below(2001)) / 1000.0F - 1.0F); }
  std::vector<TokenId> ids(std::uint32_t least, std::uint32_t most) {
    std::vector<TokenId> ids(least + below(most - least + 1));
    for (TokenId& id : ids) id = below(kVocabSize);
    return ids;
  }
  std::mt19937 source_;
};

bool holds(const std::vector<TokenId>& ids, TokenId id) {
  return std::ranges::find(ids, id) != ids.end();
}

bool is_forbidden(const EngineRequest& request, std::vector<TokenId> generated, TokenId id) {
  if (!request.allowed_token_ids.empty() && !holds(request.allowed_token_ids, id)) return true;
  if (!request.ignore_eos && generated.size() < request.min_tokens &&
      holds(request.eos_token_ids, id)) {
    return true;
  }
  generated.push_back(id);
  return std::ranges::any_of(request.bad_sequences, [&](const std::vector<TokenId>& sequence) {
    return sequence.size() <= generated.size() &&
           std::equal(sequence.rbegin(), sequence.rend(), generated.rbegin());
  });
}

float unmasked(const EngineRequest& request, const std::vector<TokenId>& generated, TokenId id,
               float logit) {
  const SamplingParams& sampling = request.sampling;
  const auto count = std::ranges::count(generated, id);
  if (count > 0 || holds(request.prompt, id)) {
    logit = logit > 0 ? logit / sampling.repetition_penalty : logit * sampling.repetition_penalty;
  }
  if (count > 0) {
    logit -= sampling.frequency_penalty * static_cast<float>(count) + sampling.presence_penalty;
  }
  for (const auto& [biased, bias] : request.logit_bias) {
    if (biased == id) logit += bias;
  }
  return logit;
}

TEST(LogitProcessor, over_random_settings_masks_exactly_what_is_forbidden) {
  RandomRequest random(20260501);
  Sampler sampler(RandomRequest::kVocabSize);
  int num_ended = 0;
  int num_tokens = 0;
  for (int round = 0; round < 2000; ++round) {
    const EngineRequest request = random.make();
    LogitProcessor processor(request, {});
    std::vector<TokenId> generated;
    std::vector<float> scratch(RandomRequest::kVocabSize);
    while (generated.size() < request.max_tokens) {
      const std::vector<float> row = random.row();
      const auto got = processor.process(row, generated, scratch);
      std::vector<float> expected(row.size());
      for (TokenId id = 0; id < row.size(); ++id) {
        expected[id] = is_forbidden(request, generated, id)
                           ? kMasked
                           : unmasked(request, generated, id, row[id]);
      }
      const bool is_possible =
          std::ranges::any_of(expected, [](float logit) { return logit > kMasked; });
      ASSERT_EQ(got.has_value(), is_possible) << round;
      if (!got) {
        EXPECT_EQ(got.error().code(), ErrorCode::kInvalid);
        ++num_ended;
        break;
      }
      ASSERT_TRUE(std::ranges::equal(*got, expected)) << round;
      const auto token = sampler.sample(
          *got, request.sampling, {.output_index = static_cast<std::uint32_t>(generated.size())});
      ASSERT_TRUE(token) << token.error().message();
      ASSERT_FALSE(is_forbidden(request, generated, *token)) << round;
      generated.push_back(*token);
      processor.accept(*token);
      ++num_tokens;
    }
  }
  EXPECT_GT(num_ended, 20);
  EXPECT_GT(num_tokens, 10'000);
}

// What validate() lets through has a first token; what it refuses as impossible has none.
TEST(LogitProcessor, agrees_with_validation_on_what_is_possible_at_once) {
  RandomRequest random(7);
  int num_impossible = 0;
  for (int round = 0; round < 5000; ++round) {
    const EngineRequest request = random.make();
    const Status valid =
        validate(request, {.vocab_size = RandomRequest::kVocabSize, .context_length = 100});
    const bool is_possible = process(request, random.row()).error.empty();
    if (request.allowed_token_ids.empty()) continue;
    ASSERT_EQ(valid.has_value(), is_possible) << (valid ? "" : valid.error().message());
    num_impossible += is_possible ? 0 : 1;
  }
  EXPECT_GT(num_impossible, 20);
}

}  // namespace
}  // namespace penstock::engine
