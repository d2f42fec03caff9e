#include "worker/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "tests/engine/harness.h"

namespace penstock::worker {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

// A frontend that remembers all it was told.
class Frontend final {
 public:
  explicit Frontend(std::unique_ptr<rpc::FrontendEnd> end) : end_(std::move(end)) {
    end_->start({.on_message = [this](rpc::UpMessage message,
                                      rpc::Credit) { on_message(std::move(message)); },
                 .on_closed = {}});
  }

  void submit(rpc::Submit submit) {
    submit.submit_number = ++last_submit_;
    CHECK(end_->send(std::move(submit)).has_value());
  }
  void cancel(const std::string& id, std::uint32_t attempt = 1) {
    CHECK(
        end_->send(rpc::Cancel{.request_id = id, .attempt = attempt, .sequence = {}, .reason = ""})
            .has_value());
  }
  void ping(std::uint64_t n) { CHECK(end_->send(rpc::Ping{n}).has_value()); }
  void clear(std::uint64_t n) { CHECK(end_->send(rpc::ClearKv{n}).has_value()); }
  void leave() { end_.reset(); }

  template <class Condition>
  void wait_until(Condition condition) {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, kPatience, [&] { return condition(*this); }),
          "the worker did not answer in time");
  }
  rpc::Finish wait_for_finish(const std::string& id) {
    wait_until([&](const Frontend& f) { return f.finishes.contains(id); });
    return finishes.at(id);
  }

  // Guarded by mutex_ while the worker runs.
  std::map<std::string, std::vector<rpc::TokenId>> tokens;
  std::map<std::string, rpc::Finish> finishes;
  std::vector<std::uint64_t> pongs;
  std::map<std::uint64_t, std::uint32_t> clears;  // blocks that were freed
  std::map<std::string, std::uint32_t> cached_tokens;
  bool goes_away = false;
  rpc::Load last_load;

 private:
  void on_message(rpc::UpMessage message) {
    const std::lock_guard lock(mutex_);
    if (auto* step = std::get_if<rpc::StepOutputs>(&message)) {
      last_load = step->load;
      for (rpc::Output& output : step->outputs) {
        auto& seen = tokens[output.key.request_id];
        seen.insert(seen.end(), output.token_ids.begin(), output.token_ids.end());
        cached_tokens[output.key.request_id] += output.cached_tokens;
        if (output.finish.kind != rpc::FinishKind::kNone) {
          finishes[output.key.request_id] = std::move(output.finish);
        }
      }
    } else if (const auto* pong = std::get_if<rpc::Pong>(&message)) {
      pongs.push_back(pong->n);
    } else if (const auto* cleared = std::get_if<rpc::KvCleared>(&message)) {
      clears[cleared->n] = cleared->num_freed;
    } else if (std::get_if<rpc::ComeBack>(&message) != nullptr) {
      goes_away = false;
    } else {
      goes_away = true;
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<rpc::FrontendEnd> end_;
  std::uint64_t last_submit_ = 0;
};

rpc::Submit make_submit(std::string id, std::uint32_t max_tokens) {
  rpc::Submit submit;
  submit.key.request_id = std::move(id);
  submit.model = "echo";
  submit.token_ids = {1, 2, 3};
  submit.sequences = {{0, {}}};
  submit.max_tokens = max_tokens;
  submit.sampling.temperature = 0;
  submit.remaining_us = 60'000'000;
  return submit;
}

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    auto runner = engine::ModelRunner::create(
        std::make_unique<engine::EchoForward>(
            engine::EchoForward::Options{.on_forward =
                                             [this] {
                                               while (holds_engine_.load())
                                                 std::this_thread::yield();
                                             }}),
        64, 101);
    CHECK(runner.has_value());
    worker_ = std::make_unique<Worker>(
        WorkerOptions{.worker_id = 7, .model_names = {"echo", "alias"}}, clock_,
        [&](engine::StepSink sink) {
          engine::EngineOptions options;
          options.num_blocks = 64;
          options.context_length = 250;
          options.limits = {.block_size = 4, .max_running = 8, .max_waiting = 16};
          return std::make_unique<engine::EngineLoop>(options, std::move(*runner), clock_, ledger_,
                                                      engine::EngineProbe(), std::move(sink));
        });
    worker_->start();
  }
  ~WorkerTest() override { worker_->stop(); }

  std::unique_ptr<Frontend> connect() {
    rpc::ChannelPair pair = rpc::make_in_process_channel();
    worker_->attach(std::move(pair.worker));
    return std::make_unique<Frontend>(std::move(pair.frontend));
  }
  void wait_until_idle() {
    const MonotonicTime deadline = clock_.now() + kPatience;
    while (!ledger_.is_empty()) {
      ASSERT_LT(clock_.now(), deadline);
      std::this_thread::yield();
    }
  }

  SystemClock clock_;
  Ledger ledger_{clock_};
  std::atomic<bool> holds_engine_{false};  // keeps the engine inside its forward pass
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, answers_a_canary) {
  EXPECT_TRUE(worker_->run_canary(kPatience));
}

TEST_F(WorkerTest, a_prompt_is_a_hit_only_under_the_same_salt) {
  const auto frontend = connect();
  std::uint32_t num = 0;
  const auto cached_with = [&](std::string salt) {
    const std::string id = "r" + std::to_string(num++);
    rpc::Submit submit = make_submit(id, 1);
    submit.token_ids = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    submit.salt = std::move(salt);
    frontend->submit(std::move(submit));
    (void)frontend->wait_for_finish(id);
    return frontend->cached_tokens[id];
  };
  EXPECT_EQ(cached_with("a"), 0U);
  EXPECT_EQ(cached_with("a"), 8U);
  EXPECT_EQ(cached_with("b"), 0U);
  EXPECT_EQ(cached_with(""), 0U);
  EXPECT_EQ(cached_with("a\x1F"
                        "b"),
            0U);
  EXPECT_EQ(cached_with("b"), 8U);
}

TEST_F(WorkerTest, a_cleared_cache_has_no_hits_and_says_how_many_blocks_are_free_again) {
  const auto frontend = connect();
  const auto cached = [&](const std::string& id) {
    rpc::Submit submit = make_submit(id, 1);
    submit.token_ids = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    frontend->submit(std::move(submit));
    (void)frontend->wait_for_finish(id);
    return frontend->cached_tokens[id];
  };
  EXPECT_EQ(cached("first"), 0U);
  EXPECT_EQ(cached("again"), 8U);
  wait_until_idle();
  frontend->clear(42);
  frontend->wait_until([](const Frontend& f) { return f.clears.contains(42); });
  EXPECT_EQ(frontend->clears[42], 2U);
  EXPECT_EQ(cached("anew"), 0U);
}

TEST_F(WorkerTest, a_drain_can_be_taken_back) {
  const auto frontend = connect();
  worker_->begin_drain(kPatience);
  frontend->wait_until([](const Frontend& f) { return f.goes_away; });
  frontend->submit(make_submit("refused", 1));
  EXPECT_EQ(frontend->wait_for_finish("refused").error, rpc::WorkerErrorCode::kDraining);
  worker_->resume();
  frontend->wait_until([](const Frontend& f) { return !f.goes_away; });
  frontend->submit(make_submit("served", 1));
  EXPECT_EQ(frontend->wait_for_finish("served").kind, rpc::FinishKind::kLength);
}

TEST_F(WorkerTest, gives_each_frontend_its_own_outputs) {
  auto first = connect();
  auto second = connect();
  first->submit(make_submit("same-id", 9));
  second->submit(make_submit("same-id", 4));
  EXPECT_EQ(first->wait_for_finish("same-id").kind, rpc::FinishKind::kLength);
  EXPECT_EQ(second->wait_for_finish("same-id").kind, rpc::FinishKind::kLength);
  EXPECT_EQ(first->tokens.at("same-id").size(), 9U);
  EXPECT_EQ(second->tokens.at("same-id").size(), 4U);
  EXPECT_EQ(second->last_load.included_submit, 1U);
}

TEST_F(WorkerTest, refuses_an_unknown_model_and_a_submit_without_sequences) {
  auto frontend = connect();
  rpc::Submit other = make_submit("other", 1);
  other.model = "else";
  frontend->submit(std::move(other));
  const rpc::Finish finish = frontend->wait_for_finish("other");
  EXPECT_EQ(finish.error, rpc::WorkerErrorCode::kInvalid);
  EXPECT_NE(finish.message.find("'else'"), std::string::npos);
  rpc::Submit empty = make_submit("empty", 1);
  empty.sequences.clear();
  frontend->submit(std::move(empty));
  EXPECT_EQ(frontend->wait_for_finish("empty").error, rpc::WorkerErrorCode::kInvalid);
}

TEST_F(WorkerTest, a_cancel_after_its_submit_always_finds_it) {
  auto frontend = connect();
  for (int i = 0; i < 50; ++i) {
    const std::string id = format("r{}", i);
    holds_engine_ = true;
    frontend->submit(make_submit(id, 200));
    frontend->cancel(id);
    holds_engine_ = false;
    EXPECT_EQ(frontend->wait_for_finish(id).kind, rpc::FinishKind::kCancelled);
  }
  frontend->cancel("never-seen");
  wait_until_idle();
}

TEST_F(WorkerTest, a_higher_attempt_replaces_a_lower_one_and_a_lower_one_is_ignored) {
  auto frontend = connect();
  rpc::Submit second = make_submit("r", 6);
  second.key.attempt = 2;
  frontend->submit(make_submit("r", 240));
  frontend->submit(second);
  frontend->submit(make_submit("r", 3));
  EXPECT_EQ(frontend->wait_for_finish("r").kind, rpc::FinishKind::kLength);
  wait_until_idle();
}

TEST_F(WorkerTest, cancels_everything_of_a_frontend_that_left) {
  auto frontend = connect();
  for (int i = 0; i < 6; ++i) frontend->submit(make_submit(format("r{}", i), 240));
  frontend->wait_until([](const Frontend& f) { return !f.tokens.empty(); });
  frontend->leave();
  wait_until_idle();
}

TEST_F(WorkerTest, echoes_pings_to_the_frontend_that_asked) {
  auto first = connect();
  auto second = connect();
  first->ping(5);
  second->ping(6);
  first->wait_until([](const Frontend& f) { return !f.pongs.empty(); });
  second->wait_until([](const Frontend& f) { return !f.pongs.empty(); });
  EXPECT_EQ(first->pongs, std::vector<std::uint64_t>{5});
  EXPECT_EQ(second->pongs, std::vector<std::uint64_t>{6});
}

TEST_F(WorkerTest, drains_what_runs_and_refuses_what_comes) {
  auto frontend = connect();
  frontend->submit(make_submit("running", 100));
  frontend->wait_until([](const Frontend& f) { return !f.tokens.empty(); });
  EXPECT_TRUE(worker_->drain(kPatience));
  EXPECT_EQ(frontend->wait_for_finish("running").kind, rpc::FinishKind::kLength);
  EXPECT_TRUE(frontend->goes_away);
  frontend->submit(make_submit("late", 1));
  EXPECT_EQ(frontend->wait_for_finish("late").error, rpc::WorkerErrorCode::kDraining);
}

}  // namespace
}  // namespace penstock::worker
