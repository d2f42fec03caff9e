// Mixed load with cancels and deadlines at random moments, for PENSTOCK_SOAK_SECONDS (3 by
// default): every request ends, memory stays flat, and the ledger is empty at the end.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
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
constexpr std::uint32_t kContext = 2048;

// A sanitizer keeps what was freed; and in a few seconds nothing has its final size.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kJudgesMemory = false;
#else
constexpr bool kJudgesMemory = true;
#endif

std::uint64_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib;
  }
  return 0;
}

class Soak final {
 public:
  Soak(const model::ModelFiles& files, device::ThreadTeam& team)
      : vocab_size_(files.config().vocab_size) {
    auto forward = model::make_cpu_forward(
        files, {.block_size = kBlockSize, .max_batch_rows = 1024, .max_logit_rows = 256}, team);
    CHECK(forward.has_value());
    EngineHarness::Options options;
    options.num_blocks = 300;  // a fraction of what the load wants: preemption is part of it
    options.context_length = kContext;
    options.max_running = 64;
    options.max_waiting = 256;
    options.max_step_tokens = 512;
    options.model = {.vocab_size = vocab_size_, .block_size = kBlockSize};
    options.forward = std::move(*forward);
    harness_ = std::make_unique<EngineHarness>(std::move(options));
  }

  void run(Duration time) {
    const SystemClock clock;
    const MonotonicTime begin = clock.now();
    MonotonicTime next_look = begin + time / 5;
    while (clock.now() - begin < time) {
      while (live_.size() < 96) submit();
      if (random_() % 4 == 0) {
        harness_->engine().cancel(live_[random_() % live_.size()], std::nullopt);
        ++num_cancels_;
      }
      take_oldest();
      // After a fifth of the time every buffer has its size.
      if (clock.now() >= next_look) {
        kib_.push_back(resident_kib());
        next_look = next_look + time / 5;
      }
    }
    while (!live_.empty()) take_oldest();
    harness_->wait_until_idle();
    EXPECT_TRUE(harness_->ledger().is_empty());
    if (kJudgesMemory && time >= std::chrono::minutes(1)) {
      ASSERT_GE(kib_.size(), 3U);
      EXPECT_LE(kib_.back(), kib_[0] + kib_[0] / 20 + 4096) << "KiB resident, first to last look";
    }
    std::printf("%llu requests, %llu cancels, %llu preemptions; resident KiB:",
                static_cast<unsigned long long>(num_requests_),
                static_cast<unsigned long long>(num_cancels_),
                static_cast<unsigned long long>(harness_->num_preemptions()));
    for (const std::uint64_t kib : kib_) std::printf(" %llu", static_cast<unsigned long long>(kib));
    std::printf("\n");
  }

 private:
  void submit() {
    std::vector<TokenId> prompt(1 + (random_() % 8 == 0 ? random_() % 1500 : random_() % 100));
    const bool is_common = random_() % 2 == 0;
    for (std::size_t i = 0; i < prompt.size(); ++i) {
      prompt[i] = static_cast<TokenId>((is_common ? i : random_()) % vocab_size_);
    }
    EngineRequest request = make_request(++num_requests_, std::move(prompt),
                                         1 + static_cast<std::uint32_t>(random_() % 200));
    request.sampling.temperature = 0.8F;
    request.sampling.seed = random_();
    if (random_() % 5 == 0) request.choices = {{0, {}}, {1, {}}, {2, {}}};
    if (random_() % 7 == 0) request.logprobs = 2;
    if (random_() % 9 == 0) request.prompt_logprobs = 1;
    if (random_() % 6 == 0) {
      request.deadline = request.arrival + std::chrono::milliseconds(random_() % 300);
    }
    request.tenant = format("tenant {}", random_() % 50);
    request.strict_priority = static_cast<std::uint32_t>(random_() % 2);
    live_.push_back(request.handle);
    harness_->submit(std::move(request));
  }

  void take_oldest() {
    for (const auto& [number, choice] : harness_->wait(live_.front())) {
      EXPECT_NE(choice.finish, FinishReason::kNone);
      EXPECT_NE(choice.finish, FinishReason::kInternal) << choice.message;
    }
    harness_->forget(live_.front());
    live_.pop_front();
  }

  std::uint32_t vocab_size_;
  std::mt19937 random_{1};
  std::unique_ptr<EngineHarness> harness_;
  std::deque<RequestHandle> live_;
  std::uint64_t num_requests_ = 0;
  std::uint64_t num_cancels_ = 0;
  std::vector<std::uint64_t> kib_;
};

TEST(Soak, leaks_nothing_and_ends_every_request) {
  const char* given = std::getenv("PENSTOCK_SOAK_SECONDS");
  const std::chrono::seconds time(given == nullptr ? 3 : std::atoi(given));
  const model::testing::TempDir directory;
  const auto path = directory.path() / "tiny.gguf";
  model::testing::TinyModel({.context_length = kContext, .dtype = formats::DType::kQ4_1})
      .write_gguf(path);
  auto files = model::ModelFiles::open(path);
  ASSERT_TRUE(files) << files.error().message();
  device::ThreadTeam team(2);
  Soak(**files, team).run(time);
}

}  // namespace
}  // namespace penstock::engine
