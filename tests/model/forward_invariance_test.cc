// The numerics contract (docs/numerics.md), bit by bit: a row's logits depend on its own tokens
// only, on every instruction set.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/model/forward_harness.h"
#include "tests/model/tiny_model.h"

namespace penstock::model {
namespace {

using testing::ForwardHarness;
using testing::HarnessSpec;
using testing::Piece;

constexpr std::uint32_t kLength = 290;  // crosses a segment of 256 positions

std::vector<std::uint32_t> random_tokens(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::uint32_t> tokens(count);
  for (std::uint32_t& token : tokens) token = random() % 320;
  return tokens;
}

struct Arithmetic {
  ComputeType compute;
  KvDType kv_dtype;
};

class Invariance : public ::testing::TestWithParam<Arithmetic> {
 protected:
  static void SetUpTestSuite() {
    directory = new testing::TempDir;
    const auto path = directory->path() / "tiny.gguf";
    testing::TinyModel({.dtype = formats::DType::kQ4_1}).write_gguf(path);
    auto files = ModelFiles::open(path);
    ASSERT_TRUE(files) << files.error().message();
    model_files = std::move(*files).release();
  }
  static void TearDownTestSuite() {
    delete model_files;
    delete directory;
  }

  [[nodiscard]] HarnessSpec spec() const {
    return {.options = {.compute = GetParam().compute,
                        .kv_dtype = GetParam().kv_dtype,
                        .max_batch_rows = 512,
                        .max_logit_rows = 512},
            .num_threads = 1,
            .num_blocks = 64};
  }
  // Logits of every position of `tokens`, fed at once to a pass of its own.
  [[nodiscard]] std::vector<float> alone(const std::vector<std::uint32_t>& tokens) const {
    ForwardHarness harness(*model_files, spec());
    return harness.feed(harness.new_sequence(), tokens, 512);
  }

  static bool same_bits(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
  }

  static inline testing::TempDir* directory = nullptr;
  static inline ModelFiles* model_files = nullptr;
};

INSTANTIATE_TEST_SUITE_P(Arithmetics, Invariance,
                         ::testing::Values(Arithmetic{ComputeType::kF32, KvDType::kF32},
                                           Arithmetic{ComputeType::kBF16, KvDType::kBF16},
                                           Arithmetic{ComputeType::kF32, KvDType::kBF16},
                                           Arithmetic{ComputeType::kBF16, KvDType::kF32}),
                         [](const auto& test) {
                           return std::string(test.param.compute == ComputeType::kF32 ? "f32"
                                                                                      : "bf16") +
                                  (test.param.kv_dtype == KvDType::kF32 ? "_kv_f32" : "_kv_bf16");
                         });

TEST_P(Invariance, a_prompt_may_be_cut_anywhere) {
  const auto tokens = random_tokens(kLength, 1);
  const std::vector<float> expected = alone(tokens);
  for (const std::uint32_t chunk : {1U, 3U, 32U, 45U, 256U}) {
    ForwardHarness harness(*model_files, spec());
    EXPECT_TRUE(same_bits(harness.feed(harness.new_sequence(), tokens, chunk), expected))
        << "in chunks of " << chunk;
  }
}

TEST_P(Invariance, instruction_set_and_threads_change_nothing) {
  const auto tokens = random_tokens(kLength, 2);
  const std::vector<float> expected = alone(tokens);
  for (const kernels::CpuIsa isa : testing::runnable_isas()) {
    for (const int threads : {1, 2, 3}) {
      HarnessSpec other = spec();
      other.options.isa = isa;
      other.num_threads = threads;
      ForwardHarness harness(*model_files, other);
      EXPECT_TRUE(same_bits(harness.feed(harness.new_sequence(), tokens, 200), expected))
          << harness.pass().numerics() << " of kernels " << static_cast<int>(isa) << " on "
          << threads << " threads";
    }
  }
}

TEST_P(Invariance, blocks_and_their_size_change_nothing) {
  const auto tokens = random_tokens(kLength, 3);
  const std::vector<float> expected = alone(tokens);
  for (const std::uint32_t block_size : {16U, 32U, 48U, 64U, 512U}) {
    HarnessSpec other = spec();
    other.options.block_size = block_size;
    other.shuffle_seed = block_size;
    ForwardHarness harness(*model_files, other);
    EXPECT_TRUE(same_bits(harness.feed(harness.new_sequence(), tokens, 64), expected))
        << "blocks of " << block_size;
  }
}

TEST_P(Invariance, the_same_pass_repeats_itself) {
  const auto tokens = random_tokens(kLength, 4);
  ForwardHarness harness(*model_files, spec());
  const std::vector<float> first = harness.feed(harness.new_sequence(), tokens, 512);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(same_bits(harness.feed(harness.new_sequence(), tokens, 512), first));
  }
}

// Several sequences move on together in pieces of random length, single tokens among them.
TEST_P(Invariance, company_in_the_batch_changes_nothing) {
  constexpr std::size_t kSequences = 5;
  std::mt19937 random(5);
  HarnessSpec many = spec();
  many.num_threads = 2;
  ForwardHarness harness(*model_files, many);
  std::vector<std::vector<std::uint32_t>> tokens;
  std::vector<std::vector<float>> logits(kSequences);
  for (std::uint32_t i = 0; i < kSequences; ++i) {
    tokens.push_back(random_tokens(60 + 55 * i, 100 + i));
    EXPECT_EQ(harness.new_sequence(), i);
  }
  for (bool is_done = false; !is_done;) {
    is_done = true;
    std::vector<Piece> pieces;
    for (std::uint32_t i = 0; i < kSequences; ++i) {
      const std::size_t left = tokens[i].size() - harness.length(i);
      if (left == 0) continue;
      is_done = false;
      const std::size_t wanted = random() % 2 == 0 ? 1 : 1 + random() % 70;
      const auto rest = std::span<const std::uint32_t>(tokens[i]).last(left);
      pieces.push_back({i, rest.first(std::min(left, wanted)), true});
    }
    if (is_done) break;
    const std::vector<float> step = harness.run(pieces);
    auto from = step.begin();
    for (const Piece& piece : pieces) {
      const auto to = from + static_cast<std::ptrdiff_t>(piece.token_ids.size() * 320);
      logits[piece.sequence].insert(logits[piece.sequence].end(), from, to);
      from = to;
    }
  }
  for (std::size_t i = 0; i < kSequences; ++i) {
    EXPECT_TRUE(same_bits(logits[i], alone(tokens[i]))) << "sequence " << i;
  }
}

TEST_P(Invariance, the_names_tell_arithmetic_and_layout) {
  ForwardHarness harness(*model_files, spec());
  const bool is_f32 = GetParam().compute == ComputeType::kF32;
  const bool is_kv_f32 = GetParam().kv_dtype == KvDType::kF32;
  EXPECT_EQ(harness.pass().numerics(), std::string("cpu.1/") + (is_f32 ? "f32" : "bf16") +
                                           (is_kv_f32 ? "/kv-f32" : "/kv-bf16") + "/fma");
  EXPECT_NE(harness.pass().kv_layout().find(is_kv_f32 ? "cpu-f32/" : "cpu-bf16/"),
            std::string_view::npos);
  EXPECT_EQ(harness.pass().kv_block_bytes(),
            std::size_t{2} * 2 * 2 * 32 * 16 * (is_kv_f32 ? 4 : 2));
}

TEST(ForwardOptionsCheck, impossible_options_are_errors_that_name_the_value) {
  const testing::TempDir directory;
  testing::TinyModel({}).write_gguf(directory.path() / "tiny.gguf");
  const auto files = ModelFiles::open(directory.path() / "tiny.gguf");
  ASSERT_TRUE(files) << files.error().message();
  device::ThreadTeam team(1);
  const auto odd_block =
      make_cpu_forward(**files, {.block_size = 20, .max_batch_rows = 4, .max_logit_rows = 4}, team);
  ASSERT_FALSE(odd_block);
  EXPECT_NE(odd_block.error().message().find("20"), std::string::npos);
  const auto no_rows = make_cpu_forward(**files, {.max_batch_rows = 0, .max_logit_rows = 4}, team);
  ASSERT_FALSE(no_rows);
  EXPECT_NE(no_rows.error().message().find("max_batch_rows"), std::string::npos);
}

}  // namespace
}  // namespace penstock::model
