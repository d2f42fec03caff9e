// A real model against a float32 reference of the same weights: 40 prompts, 64 greedy tokens each.
//
// The model is fed the reference's tokens. As long as its own greedy choice is the reference's that
// is also what a free run would feed, so the first place where they differ is the free run's, and
// the log-probabilities are those along the reference everywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/model/forward_harness.h"
#include "text/json.h"

namespace penstock::model {
namespace {

using testing::ForwardHarness;
using testing::Piece;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kMaxPrompts = 3;
constexpr std::size_t kMaxSteps = 8;
#else
constexpr std::size_t kMaxPrompts = 40;
constexpr std::size_t kMaxSteps = 64;
#endif
constexpr std::uint32_t kBatchRows = 512;

struct Choice {
  std::uint32_t token_id;
  double logprob;
};

struct Fixture {
  std::string name;
  std::vector<std::uint32_t> prompt;
  std::vector<std::uint32_t> output;
  std::vector<std::vector<Choice>> top;  // per step, best first
};

std::vector<std::uint32_t> read_ids(const text::Json& line, std::string_view member) {
  std::vector<std::uint32_t> ids;
  for (const text::Json& id : line.find(member)->as_array()) {
    ids.push_back(static_cast<std::uint32_t>(id.as_int()));
  }
  return ids;
}

std::vector<Fixture> read_fixtures() {
  std::ifstream file(PENSTOCK_SOURCE_DIR "/tests/fixtures/smollm2_greedy_f32.jsonl");
  std::vector<Fixture> fixtures;
  for (std::string text; fixtures.size() < kMaxPrompts && std::getline(file, text);) {
    const auto line = text::parse_json(text);
    EXPECT_TRUE(line) << line.error().message();
    Fixture fixture{line->find("name")->as_string(),
                    read_ids(*line, "prompt_token_ids"),
                    read_ids(*line, "output_token_ids"),
                    {}};
    for (const text::Json& step : line->find("top5")->as_array()) {
      auto& choices = fixture.top.emplace_back();
      for (const text::Json& entry : step.as_array()) {
        choices.push_back({static_cast<std::uint32_t>(entry.as_array()[0].as_int()),
                           entry.as_array()[1].as_double()});
      }
    }
    fixtures.push_back(std::move(fixture));
  }
  return fixtures;
}

double log_sum_exp(std::span<const float> logits) {
  const double maximum = *std::ranges::max_element(logits);
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(logit - maximum);
  return maximum + std::log(sum);
}

struct Comparison {
  int identical = 0;
  int num_prompts = 0;
  double largest_gap = 0.0;            // of the reference's top two, at first differences
  double largest_logprob_error = 0.0;  // of the reference's top five, at every step
};

class Comparer {
 public:
  explicit Comparer(std::vector<Fixture> fixtures)
      : fixtures_(std::move(fixtures)), has_differed_(fixtures_.size(), false) {}

  [[nodiscard]] const std::vector<Fixture>& fixtures() const { return fixtures_; }

  void add(std::size_t number, std::size_t step, std::span<const float> logits) {
    const Fixture& fixture = fixtures_[number];
    const double normalizer = log_sum_exp(logits);
    for (const Choice& choice : fixture.top[step]) {
      result_.largest_logprob_error =
          std::max(result_.largest_logprob_error,
                   std::fabs(logits[choice.token_id] - normalizer - choice.logprob));
    }
    const auto best = std::ranges::max_element(logits) - logits.begin();
    if (best == fixture.output[step] || has_differed_[number]) return;
    has_differed_[number] = true;
    const double gap = fixture.top[step][0].logprob - fixture.top[step][1].logprob;
    result_.largest_gap = std::max(result_.largest_gap, gap);
    std::printf("  %s differs at step %zu, where the reference's gap is %.5f\n",
                fixture.name.c_str(), step, gap);
  }

  [[nodiscard]] Comparison result() const {
    Comparison result = result_;
    result.num_prompts = static_cast<int>(fixtures_.size());
    result.identical = static_cast<int>(std::ranges::count(has_differed_, false));
    return result;
  }

 private:
  std::vector<Fixture> fixtures_;
  std::vector<bool> has_differed_;
  Comparison result_;
};

// Prefills one prompt after the other in chunks; the last row's logits choose the first token.
void prefill(ForwardHarness& harness, Comparer& comparer) {
  for (std::size_t i = 0; i < comparer.fixtures().size(); ++i) {
    const std::uint32_t sequence = harness.new_sequence();
    const std::span<const std::uint32_t> prompt = comparer.fixtures()[i].prompt;
    for (std::size_t at = 0; at < prompt.size(); at += kBatchRows) {
      const std::size_t count = std::min<std::size_t>(kBatchRows, prompt.size() - at);
      const Piece piece{sequence, prompt.subspan(at, count)};
      const std::vector<float> logits = harness.run({&piece, 1});
      if (at + count == prompt.size()) comparer.add(i, 0, logits);
    }
  }
}

// One token of every prompt per pass.
void decode(ForwardHarness& harness, Comparer& comparer) {
  const std::vector<Fixture>& fixtures = comparer.fixtures();
  for (std::size_t step = 1; step < kMaxSteps; ++step) {
    std::vector<Piece> pieces;
    for (std::uint32_t i = 0; i < fixtures.size(); ++i) {
      pieces.push_back({i, {&fixtures[i].output[step - 1], 1}});
    }
    const std::vector<float> logits = harness.run(pieces);
    for (std::size_t i = 0; i < fixtures.size(); ++i) {
      comparer.add(i, step, {logits.data() + i * harness.vocab_size(), harness.vocab_size()});
    }
  }
}

class ForwardFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("PENSTOCK_TEST_MODEL");
    if (path == nullptr) {
      GTEST_SKIP() << "PENSTOCK_TEST_MODEL is unset: THE REAL MODEL IS NOT TESTED";
    }
    auto files = ModelFiles::open(path);
    ASSERT_TRUE(files) << files.error().message();
    files_ = std::move(*files);
  }

  Comparison compare(ComputeType compute, KvDType kv_dtype) {
    using Clock = std::chrono::steady_clock;
    const auto seconds_since = [](Clock::time_point start) {
      return std::chrono::duration<double>(Clock::now() - start).count();
    };
    Comparer comparer(read_fixtures());
    const auto start = Clock::now();
    ForwardHarness harness(*files_, {.options = {.compute = compute,
                                                 .kv_dtype = kv_dtype,
                                                 .max_batch_rows = kBatchRows,
                                                 .max_logit_rows = kMaxPrompts},
                                     .num_threads = 2,
                                     .num_blocks = 512});
    const double load_s = seconds_since(start);
    const auto prefill_start = Clock::now();
    prefill(harness, comparer);
    const double prefill_s = seconds_since(prefill_start);
    const auto decode_start = Clock::now();
    decode(harness, comparer);
    const Comparison result = comparer.result();
    std::printf(
        "%s: %d of %d prompts identical, largest gap at a first difference %.5f, largest "
        "log-probability error %.6f; load %.2f s, prefill %.2f s, decode %.2f s\n",
        std::string(harness.pass().numerics()).c_str(), result.identical, result.num_prompts,
        result.largest_gap, result.largest_logprob_error, load_s, prefill_s,
        seconds_since(decode_start));
    return result;
  }

  std::unique_ptr<ModelFiles> files_;
};

TEST_F(ForwardFixture, f32_agrees_with_the_reference) {
  const Comparison result = compare(ComputeType::kF32, KvDType::kF32);
  EXPECT_GE(result.identical, result.num_prompts - 2);
  EXPECT_LE(result.largest_gap, 0.01);
  EXPECT_LE(result.largest_logprob_error, 1e-3);
}

TEST_F(ForwardFixture, bf16_differs_only_where_the_reference_is_undecided) {
  const Comparison result = compare(ComputeType::kBF16, KvDType::kBF16);
  EXPECT_LE(result.largest_gap, 0.08);
}

}  // namespace
}  // namespace penstock::model
