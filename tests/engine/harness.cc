#include "tests/engine/harness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/hash.h"

namespace penstock::engine {
namespace {

// More than any test looks at; a soak makes millions.
constexpr std::size_t kMaxKeptEvents = 100'000;
constexpr Duration kGatePatience = std::chrono::seconds(60);

}  // namespace

std::span<const float> EchoForward::forward(const model::ForwardBatch& batch,
                                            std::span<std::byte> kv_pool) {
  if (options_.on_forward) options_.on_forward();
  const std::uint32_t block_size = options_.block_size;
  auto slot = [&](const model::ForwardSequence& sequence, std::uint32_t position) {
    const std::size_t block = sequence.block_table[position / block_size];
    return kv_pool.data() + (block * block_size + position % block_size) * 4;
  };
  for (const model::ForwardSequence& sequence : batch.sequences) {
    for (std::uint32_t i = 0; i < sequence.num_rows; ++i) {
      std::memcpy(slot(sequence, sequence.first_position + i),
                  &batch.token_ids[sequence.first_row + i], 4);
    }
  }
  logits_.assign(batch.logit_rows.size() * options_.vocab_size, 0);
  for (std::size_t i = 0; i < batch.logit_rows.size(); ++i) {
    const std::uint32_t row = batch.logit_rows[i];
    const auto sequence = std::ranges::find_if(batch.sequences, [row](const auto& candidate) {
      return row < candidate.first_row + candidate.num_rows;
    });
    std::vector<std::uint32_t> tokens(sequence->first_position + row - sequence->first_row + 1);
    for (std::uint32_t p = 0; p < tokens.size(); ++p) {
      std::memcpy(&tokens[p], slot(*sequence, p), 4);
    }
    const bool poisoned = tokens[0] == options_.poison_token;
    for (std::uint32_t id = 0; id < options_.vocab_size; ++id) {
      const std::uint64_t hash = xxh3_64(std::as_bytes(std::span(tokens)), id);
      logits_[i * options_.vocab_size + id] = poisoned
                                                  ? std::numeric_limits<float>::quiet_NaN()
                                                  : static_cast<float>(hash >> 40) * 0x1p-24F * 4;
    }
  }
  return logits_;
}

void StepGate::pass() {
  std::unique_lock lock(mutex_);
  CHECK(changed_.wait_for(lock, kGatePatience, [&] { return is_open_ || allowed_ > 0; }),
        "nobody opened the gate");
  --allowed_;
}

void StepGate::open() {
  const std::lock_guard lock(mutex_);
  is_open_ = true;
  changed_.notify_all();
}

EngineHarness::EngineHarness(Options options)
    : patience_(options.patience), ledger_(options.clock != nullptr ? *options.clock : clock_) {
  EngineOptions engine_options;
  engine_options.num_blocks = options.num_blocks;
  engine_options.context_length = options.context_length;
  engine_options.prefix_caching = options.prefix_caching;
  engine_options.trace = options.trace;
  engine_options.limits = {.block_size = options.model.block_size,
                           .max_running = options.max_running,
                           .max_waiting = options.max_waiting,
                           .max_step_tokens = options.max_step_tokens,
                           .max_prompt_logit_rows = kMaxPromptLogitRows};
  const std::uint32_t vocab_size = options.model.vocab_size;
  if (!options.forward) options.forward = std::make_unique<EchoForward>(std::move(options.model));
  if (!options.runner) {
    auto runner = ModelRunner::create(std::move(options.forward), options.num_blocks, vocab_size);
    CHECK(runner.has_value());
    options.runner = std::move(*runner);
  }
  engine_ = std::make_unique<EngineLoop>(
      engine_options, std::move(options.runner), options.clock != nullptr ? *options.clock : clock_,
      ledger_, EngineProbe(), [this](StepReport report) { on_report(std::move(report)); });
  engine_->start();
}

EngineHarness::~EngineHarness() {
  engine_->stop();
}

void EngineHarness::on_report(StepReport report) {
  const std::lock_guard lock(mutex_);
  for (ChoiceOutput& output : report.outputs) {
    live_[output.handle].step = report.step;
    live_[output.handle].active_blocks = report.load.kv_blocks_active;
    Transcript& transcript = live_[output.handle].choices[output.choice];
    EXPECT_EQ(transcript.finish, FinishReason::kNone) << "output after the finish";
    EXPECT_EQ(output.position, transcript.token_ids.size()) << "a token was lost or repeated";
    transcript.token_ids.insert(transcript.token_ids.end(), output.token_ids.begin(),
                                output.token_ids.end());
    for (TokenLogprobs& entry : output.logprobs) transcript.logprobs.push_back(std::move(entry));
    if (output.position == 0) transcript.cached_tokens = output.cached_tokens;
    for (TokenLogprobs& entry : output.prompt_logprobs) {
      transcript.prompt_logprobs.push_back(std::move(entry));
    }
    transcript.finish = output.finish;
    transcript.message = output.message;
    transcript.end = std::move(output);
  }
  echoes_.insert(echoes_.end(), report.echoes.begin(), report.echoes.end());
  num_preemptions_ = report.load.preemptions;
  if (kv_events_.size() > kMaxKeptEvents) kv_events_.clear();
  for (kv::KvEvent& event : report.kv_events) kv_events_.push_back(std::move(event));
  changed_.notify_all();
}

template <class Condition>
void EngineHarness::wait_until(Condition condition, const char* what) {
  std::unique_lock lock(mutex_);
  CHECK(changed_.wait_for(lock, patience_, condition), "waited in vain for {}", what);
}

void EngineHarness::submit(EngineRequest request) {
  {
    const std::lock_guard lock(mutex_);
    live_[request.handle].num_choices = request.choices.size();
    // Migrated choices go on where they were.
    for (const Choice& choice : request.choices) {
      live_[request.handle].choices[choice.number].token_ids = choice.generated;
    }
  }
  ASSERT_TRUE(engine_->submit(std::move(request)));
}

std::map<std::uint32_t, Transcript> EngineHarness::wait(RequestHandle handle) {
  wait_until(
      [&] {
        const Live& live = live_[handle];
        std::size_t finished = 0;
        for (const auto& [number, choice] : live.choices) {
          finished += choice.finish != FinishReason::kNone ? 1 : 0;
        }
        return finished == live.num_choices;
      },
      "the end of a request");
  const std::lock_guard lock(mutex_);
  return live_[handle].choices;
}

std::map<std::uint32_t, Transcript> EngineHarness::run(EngineRequest request) {
  const RequestHandle handle = request.handle;
  submit(std::move(request));
  return wait(handle);
}

void EngineHarness::wait_for_tokens(RequestHandle handle, std::size_t num_tokens) {
  wait_until(
      [&] {
        std::size_t total = 0;
        for (const auto& [number, choice] : live_[handle].choices) total += choice.token_ids.size();
        return total >= num_tokens;
      },
      "tokens");
}

void EngineHarness::forget(RequestHandle handle) {
  const std::lock_guard lock(mutex_);
  live_.erase(handle);
}

void EngineHarness::wait_until_idle() {
  const MonotonicTime deadline = clock_.now() + patience_;
  while (!ledger_.is_empty()) {
    CHECK(clock_.now() < deadline, "waited in vain for an empty ledger");
    std::this_thread::yield();
  }
}

std::vector<std::uint64_t> EngineHarness::echoes() {
  const std::lock_guard lock(mutex_);
  return echoes_;
}

std::vector<kv::KvEvent> EngineHarness::kv_events() {
  const std::lock_guard lock(mutex_);
  return kv_events_;
}

std::uint64_t EngineHarness::num_preemptions() {
  const std::lock_guard lock(mutex_);
  return num_preemptions_;
}

std::uint64_t EngineHarness::step_of_finish(RequestHandle handle) {
  const std::lock_guard lock(mutex_);
  return live_.at(handle).step;
}

std::uint64_t EngineHarness::blocks_at_finish(RequestHandle handle) {
  const std::lock_guard lock(mutex_);
  return live_.at(handle).active_blocks;
}

EngineRequest make_request(std::uint64_t handle, std::vector<TokenId> prompt,
                           std::uint32_t max_tokens) {
  EngineRequest request;
  request.handle = RequestHandle(handle);
  request.owner = "test";
  request.prompt = std::move(prompt);
  request.choices.push_back({});
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0;
  request.arrival = SystemClock().now();
  return request;
}

}  // namespace penstock::engine
