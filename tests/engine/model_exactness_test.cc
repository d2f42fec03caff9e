// Same request, same tokens, through the real forward pass: 64 requests at once against each alone,
// for chunk sizes, threads, cold and warm prefix caches, and a pool that forces preemption.
//
// The model is small and random, with the real kernels; with PENSTOCK_EXACTNESS_MODEL=real it is
// the one of PENSTOCK_TEST_MODEL, in fewer combinations.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "base/check.h"
#include "base/format.h"
#include "device/cpu/thread_team.h"
#include "model/model_files.h"
#include "tests/engine/harness.h"
#include "tests/model/tiny_model.h"

namespace penstock::engine {
namespace {

constexpr std::uint32_t kBlockSize = 32;
constexpr std::uint32_t kMaxPrompt = 4000;
constexpr std::uint32_t kContext = 4352;
constexpr int kRequests = 64;

struct EngineSetup {
  std::uint32_t max_step_tokens = 4096;
  int num_threads = 1;
  bool prefix_caching = false;
  std::uint32_t num_blocks = 0;  // 0: room for all at once
};

class ModelExactness : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* kind = std::getenv("PENSTOCK_EXACTNESS_MODEL");
    is_real = kind != nullptr && std::string_view(kind) == "real";
    directory = new model::testing::TempDir;
    std::filesystem::path path = directory->path() / "tiny.gguf";
    if (is_real) {
      const char* given = std::getenv("PENSTOCK_TEST_MODEL");
      if (given == nullptr) return;
      path = given;
    } else {
      model::testing::TinyModel({.context_length = kContext, .dtype = formats::DType::kQ4_1})
          .write_gguf(path);
    }
    auto opened = model::ModelFiles::open(path);
    ASSERT_TRUE(opened) << opened.error().message();
    files = std::move(*opened).release();
  }
  static void TearDownTestSuite() {
    delete files;
    delete directory;
  }
  void SetUp() override {
    if (files == nullptr) GTEST_SKIP() << "PENSTOCK_TEST_MODEL names no model";
  }

  // Lengths from 1 to 4,000, most of them short; a third begin with the same text.
  static std::vector<EngineRequest> requests(std::uint64_t first_handle) {
    std::mt19937 random(20);
    const std::uint32_t vocab_size = files->config().vocab_size;
    std::vector<TokenId> common(kMaxPrompt);
    for (TokenId& id : common) id = random() % vocab_size;
    std::vector<EngineRequest> all;
    for (int i = 0; i < kRequests; ++i) {
      const double share = static_cast<double>(random()) / std::mt19937::max();
      auto length = static_cast<std::uint32_t>(std::exp(share * std::log(kMaxPrompt)));
      if (i == 0) length = 1;
      if (i == 1) length = kMaxPrompt;
      std::vector<TokenId> prompt(length);
      const std::size_t num_common = random() % 3 == 0 ? random() % (length + 1) : 0;
      for (std::size_t at = 0; at < length; ++at) {
        prompt[at] = at < num_common ? common[at] : random() % vocab_size;
      }
      // Short ones grow by several blocks, so that a small pool runs out while they run.
      EngineRequest request = make_request(first_handle + static_cast<std::uint64_t>(i),
                                           std::move(prompt), length < 300 ? 150 : 16);
      request.sampling.temperature = i % 3 == 0 ? 0.0F : 0.9F;
      request.sampling.seed = random();
      if (i % 4 == 1) request.sampling.top_p = 0.9F;
      if (i % 4 == 2) request.sampling.top_k = 40;
      if (i % 5 == 2) {
        request.sampling.repetition_penalty = 1.2F;
        request.sampling.presence_penalty = 0.5F;
        request.sampling.frequency_penalty = 0.3F;
      }
      if (i % 4 == 3) request.choices = {{0, {}}, {1, {}}};
      if (i % 8 == 5) request.logprobs = 3;
      all.push_back(std::move(request));
    }
    return all;
  }

  static std::unique_ptr<EngineHarness> make_engine(const EngineSetup& setup,
                                                    device::ThreadTeam& team) {
    auto forward = model::make_cpu_forward(*files,
                                           {.block_size = kBlockSize,
                                            .max_batch_rows = setup.max_step_tokens + kRequests * 2,
                                            .max_logit_rows = kRequests * 2 + kMaxPromptLogitRows},
                                           team);
    CHECK(forward.has_value());
    EngineHarness::Options options;
    options.num_blocks = setup.num_blocks == 0 ? 4000 : setup.num_blocks;
    options.context_length = kContext;
    options.max_running = kRequests * 2;
    options.max_waiting = kRequests * 4;
    options.max_step_tokens = setup.max_step_tokens;
    options.prefix_caching = setup.prefix_caching;
    if (is_real) options.patience = std::chrono::minutes(30);
    options.model = {.vocab_size = files->config().vocab_size, .block_size = kBlockSize};
    options.forward = std::move(*forward);
    return std::make_unique<EngineHarness>(std::move(options));
  }

  using Answers = std::vector<std::map<std::uint32_t, Transcript>>;
  static const Answers& alone() {
    static const Answers answers = [] {
      device::ThreadTeam team(1);
      const auto engine = make_engine({}, team);
      Answers all;
      for (EngineRequest& request : requests(1)) all.push_back(engine->run(std::move(request)));
      return all;
    }();
    return answers;
  }

  // All at once, twice when the cache may help: then the second round finds what the first left.
  static void expect_same(const EngineSetup& setup) {
    SCOPED_TRACE(format("{} tokens a step, {} threads, caching {}, {} blocks",
                        setup.max_step_tokens, setup.num_threads, setup.prefix_caching,
                        setup.num_blocks));
    device::ThreadTeam team(setup.num_threads);
    const auto engine = make_engine(setup, team);
    std::uint32_t num_cached = 0;
    for (int round = 0; round < (setup.prefix_caching ? 2 : 1); ++round) {
      std::vector<EngineRequest> all = requests(1 + static_cast<std::uint64_t>(round) * 1000);
      std::vector<RequestHandle> handles;
      for (EngineRequest& request : all) {
        handles.push_back(request.handle);
        engine->submit(std::move(request));
      }
      for (int i = 0; i < kRequests; ++i) {
        const auto got = engine->wait(handles[static_cast<std::size_t>(i)]);
        for (const auto& [number, choice] : alone()[static_cast<std::size_t>(i)]) {
          ASSERT_EQ(got.at(number).token_ids, choice.token_ids) << "request " << i;
          ASSERT_EQ(got.at(number).logprobs.size(), choice.logprobs.size());
          for (std::size_t at = 0; at < choice.logprobs.size(); ++at) {
            ASSERT_EQ(got.at(number).logprobs[at].logprob, choice.logprobs[at].logprob);
          }
          num_cached += got.at(number).cached_tokens;
        }
      }
    }
    if (setup.prefix_caching && setup.num_blocks == 0) {
      EXPECT_GT(num_cached, 10'000U) << "the second round should have found the first's blocks";
    }
    if (setup.num_blocks != 0) {
      EXPECT_GT(engine->num_preemptions(), 0U) << "the pool should have been too small";
    }
    engine->wait_until_idle();
  }

  static inline bool is_real = false;
  static inline model::testing::TempDir* directory = nullptr;
  static inline model::ModelFiles* files = nullptr;
};

TEST_F(ModelExactness, for_every_chunk_size) {
  for (const std::uint32_t step_tokens : {16U, 100U, 512U, 4096U}) {
    if (is_real && step_tokens == 100) continue;
    expect_same({.max_step_tokens = step_tokens, .num_threads = step_tokens == 512 ? 2 : 1});
  }
}

TEST_F(ModelExactness, for_cold_and_warm_prefix_caches) {
  for (const std::uint32_t step_tokens : {64U, 1024U}) {
    for (const int num_threads : {1, 2}) {
      if (is_real && (step_tokens == 64) != (num_threads == 1)) continue;
      expect_same(
          {.max_step_tokens = step_tokens, .num_threads = num_threads, .prefix_caching = true});
    }
  }
}

TEST_F(ModelExactness, with_preemption_forced) {
  for (const bool prefix_caching : {false, true}) {
    // The longest prompt needs 126 blocks; all together more than 1,400.
    expect_same({.max_step_tokens = 256,
                 .num_threads = 2,
                 .prefix_caching = prefix_caching,
                 .num_blocks = 140});
  }
}

}  // namespace
}  // namespace penstock::engine
