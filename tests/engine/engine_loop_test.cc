#include "engine/engine_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <set>

#include "tests/engine/harness.h"

namespace penstock::engine {
namespace {

TEST(EngineLoop, generates_up_to_max_tokens) {
  EngineHarness harness;
  const Transcript got = harness.run(make_request(1, {1, 2, 3}, 9)).at(0);
  EXPECT_EQ(got.token_ids.size(), 9U);
  EXPECT_EQ(got.finish, FinishReason::kLength);
  harness.wait_until_idle();
}

TEST(EngineLoop, stops_at_eos_and_at_stop_ids_and_says_which) {
  EngineHarness harness;
  const auto free_run = harness.run(make_request(1, {1, 2, 3}, 9)).at(0).token_ids;
  EngineRequest eos = make_request(2, {1, 2, 3}, 9);
  eos.eos_token_ids = {free_run[4]};
  const Transcript stopped = harness.run(std::move(eos)).at(0);
  EXPECT_EQ(stopped.finish, FinishReason::kStop);
  EXPECT_EQ(stopped.token_ids, std::vector<TokenId>(free_run.begin(), free_run.begin() + 5));

  EngineRequest ignored = make_request(3, {1, 2, 3}, 9);
  ignored.eos_token_ids = {free_run[4]};
  ignored.ignore_eos = true;
  EXPECT_EQ(harness.run(std::move(ignored)).at(0).token_ids, free_run);

  EngineRequest stop_id = make_request(4, {1, 2, 3}, 9);
  stop_id.stop_token_ids = {free_run[2]};
  EXPECT_EQ(harness.run(std::move(stop_id)).at(0).token_ids.size(), 3U);
}

TEST(EngineLoop, masks_eos_until_min_tokens) {
  EngineHarness harness;
  const auto free_run = harness.run(make_request(1, {1, 2, 3}, 12)).at(0).token_ids;
  EngineRequest request = make_request(2, {1, 2, 3}, 12);
  request.eos_token_ids = {free_run[0]};
  request.min_tokens = 6;
  const Transcript got = harness.run(std::move(request)).at(0);
  EXPECT_GE(got.token_ids.size(), 6U);
  EXPECT_NE(got.token_ids[0], free_run[0]);
}

TEST(EngineLoop, ends_only_the_sequence_whose_logits_are_broken) {
  EngineHarness harness({.model = {.poison_token = 77}});
  const auto alone = harness.run(make_request(1, {5, 6, 7}, 20)).at(0).token_ids;
  harness.submit(make_request(2, {5, 6, 7}, 20));
  harness.submit(make_request(3, {77, 6, 7}, 20));
  const Transcript broken = harness.wait(RequestHandle(3)).at(0);
  EXPECT_EQ(broken.finish, FinishReason::kInternal);
  EXPECT_NE(broken.message.find("NaN"), std::string::npos);
  EXPECT_EQ(harness.wait(RequestHandle(2)).at(0).token_ids, alone);
  harness.wait_until_idle();
}

TEST(EngineLoop, refuses_what_can_never_fit_with_both_numbers) {
  EngineHarness harness({.num_blocks = 4, .context_length = 1000});
  const Transcript got = harness.run(make_request(1, std::vector<TokenId>(10, 1), 100)).at(0);
  EXPECT_EQ(got.finish, FinishReason::kKvCapacity);
  EXPECT_NE(got.message.find("28 KV blocks"), std::string::npos) << got.message;
  EXPECT_NE(got.message.find("has 4"), std::string::npos) << got.message;
  harness.wait_until_idle();
}

TEST(EngineLoop, refuses_token_ids_outside_the_vocabulary_and_prompts_over_the_context) {
  EngineHarness harness;
  EXPECT_EQ(harness.run(make_request(1, {1, 101}, 4)).at(0).finish, FinishReason::kInvalid);
  EXPECT_EQ(harness.run(make_request(2, std::vector<TokenId>(200, 1), 1)).at(0).finish,
            FinishReason::kInvalid);
  EXPECT_EQ(harness.run(make_request(3, {}, 1)).at(0).finish, FinishReason::kInvalid);
  EngineRequest bias = make_request(4, {1}, 1);
  bias.logit_bias = {{500, 1.0F}};
  EXPECT_EQ(harness.run(std::move(bias)).at(0).finish, FinishReason::kInvalid);
}

// While it runs, its blocks stay its own: what it generates does not change, and what it computed
// before is no hit for the next.
TEST(EngineLoop, clearing_the_cache_in_the_middle_of_a_request_changes_nothing_it_says) {
  const std::vector<TokenId> prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  EngineHarness undisturbed;
  const Transcript expected = undisturbed.run(make_request(1, prompt, 30)).at(0);
  StepGate gate(5);
  EngineHarness harness({.model = {.on_forward = [&] { gate.pass(); }}});
  harness.submit(make_request(1, prompt, 30));
  harness.wait_for_tokens(RequestHandle(1), 3);
  harness.engine().clear_cache(7);
  gate.open();
  const Transcript got = harness.wait(RequestHandle(1)).at(0);
  EXPECT_EQ(got.token_ids, expected.token_ids);
  harness.wait_until_idle();
  EXPECT_EQ(harness.run(make_request(2, prompt, 1)).at(0).cached_tokens, 0U);
  const std::vector<kv::KvEvent> events = harness.kv_events();
  EXPECT_EQ(std::ranges::count_if(events,
                                  [](const kv::KvEvent& event) {
                                    return std::holds_alternative<kv::AllBlocksCleared>(event);
                                  }),
            1);
}

// Holds the engine in a step, ends the request from outside in some way, and lets it go on: the
// finish must come with that step or the next, and with it everything must have been given back.
template <class End>
void expect_all_back_within_a_step(EngineHarness& harness, StepGate& gate, RequestHandle handle,
                                   FinishReason reason, End end) {
  const std::uint64_t held_at = harness.engine().num_steps();
  end();
  gate.open();
  EXPECT_EQ(harness.wait(handle).at(0).finish, reason);
  EXPECT_LE(harness.step_of_finish(handle), held_at + 1);
  EXPECT_EQ(harness.blocks_at_finish(handle), 0U);
  EXPECT_TRUE(harness.ledger().is_empty());
}

void wait_until_held(EngineHarness& harness, std::uint64_t num_steps) {
  const MonotonicTime deadline = SystemClock().now() + std::chrono::seconds(30);
  while (harness.engine().num_steps() < num_steps ||
         harness.engine().phase() != StepPhase::kForward) {
    ASSERT_LT(SystemClock().now(), deadline);
    std::this_thread::yield();
  }
}

class EngineEnds : public ::testing::TestWithParam<FinishReason> {
 protected:
  EngineHarness::Options options() {
    return {.num_blocks = 2000,
            .context_length = 8000,
            .max_running = 1,
            .clock = &clock_,
            .model = {.on_forward = [this] { gate_.pass(); }}};
  }
  void end(EngineHarness& harness, RequestHandle handle) {
    if (GetParam() == FinishReason::kCancelled) {
      harness.engine().cancel(handle, std::nullopt);
    } else {
      clock_.advance(std::chrono::seconds(10));
    }
  }
  EngineRequest request(std::uint64_t handle, std::size_t num_prompt, Duration allowed) {
    std::vector<TokenId> prompt(num_prompt);
    for (std::size_t i = 0; i < num_prompt; ++i) prompt[i] = static_cast<TokenId>(i % 101);
    EngineRequest made = make_request(handle, std::move(prompt), 500);
    made.deadline = clock_.now() + allowed;
    return made;
  }
  ManualClock clock_;
  StepGate gate_{3};
};

TEST_P(EngineEnds, a_long_prefill_within_a_step) {
  EngineHarness harness(options());
  harness.submit(request(1, 6000, std::chrono::seconds(5)));
  wait_until_held(harness, 3);
  expect_all_back_within_a_step(harness, gate_, RequestHandle(1), GetParam(),
                                [&] { end(harness, RequestHandle(1)); });
  EXPECT_TRUE(harness.wait(RequestHandle(1)).at(0).token_ids.empty());
}

TEST_P(EngineEnds, a_decode_within_a_step) {
  EngineHarness harness(options());
  harness.submit(request(1, 20, std::chrono::seconds(5)));
  wait_until_held(harness, 3);
  expect_all_back_within_a_step(harness, gate_, RequestHandle(1), GetParam(),
                                [&] { end(harness, RequestHandle(1)); });
}

TEST_P(EngineEnds, what_waits_within_a_step) {
  EngineHarness harness(options());
  harness.submit(request(1, 20, std::chrono::hours(1)));
  harness.submit(request(2, 20, std::chrono::seconds(5)));
  wait_until_held(harness, 3);
  const std::uint64_t held_at = harness.engine().num_steps();
  end(harness, RequestHandle(2));
  gate_.open();
  EXPECT_EQ(harness.wait(RequestHandle(2)).at(0).finish, GetParam());
  // The step at hand, and the one whose report carries the news.
  EXPECT_LE(harness.step_of_finish(RequestHandle(2)), held_at + 2);
  EXPECT_EQ(harness.wait(RequestHandle(1)).at(0).finish, FinishReason::kLength);
  harness.wait_until_idle();
}

INSTANTIATE_TEST_SUITE_P(Ways, EngineEnds,
                         ::testing::Values(FinishReason::kCancelled, FinishReason::kDeadline),
                         [](const auto& way) {
                           return way.param == FinishReason::kCancelled ? "by_cancel"
                                                                        : "by_deadline";
                         });

TEST(EngineLoop, cancels_one_choice_and_lets_the_others_go_on) {
  StepGate gate(5);
  EngineHarness harness({.model = {.on_forward = [&] { gate.pass(); }}});
  EngineRequest request = make_request(1, {1, 2, 3, 4, 5}, 60);
  request.choices = {{0, {}}, {1, {}}};
  request.sampling.temperature = 1;
  harness.submit(std::move(request));
  harness.wait_for_tokens(RequestHandle(1), 4);
  harness.engine().cancel(RequestHandle(1), 1);
  gate.open();
  const auto got = harness.wait(RequestHandle(1));
  EXPECT_EQ(got.at(0).finish, FinishReason::kLength);
  EXPECT_EQ(got.at(0).token_ids.size(), 60U);
  harness.wait_until_idle();
}

TEST(EngineLoop, reuses_the_blocks_of_a_prompt_it_has_seen) {
  EngineHarness harness;
  const std::vector<TokenId> prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const Transcript first = harness.run(make_request(1, prompt, 8)).at(0);
  const Transcript second = harness.run(make_request(2, prompt, 8)).at(0);
  EXPECT_EQ(first.cached_tokens, 0U);
  EXPECT_EQ(second.cached_tokens, 8U) << "two blocks of four; one token is left to compute";
  EXPECT_EQ(first.token_ids, second.token_ids);
}

TEST(EngineLoop, shares_no_blocks_between_salts_nor_without_prefix_caching) {
  const std::vector<TokenId> prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  EngineHarness harness;
  (void)harness.run(make_request(1, prompt, 4));
  EngineRequest salted = make_request(2, prompt, 4);
  salted.hash_seed = kv::hash_seed("", "tenant-a");
  EXPECT_EQ(harness.run(std::move(salted)).at(0).cached_tokens, 0U);
  EngineRequest apart = make_request(3, prompt, 4);
  apart.uses_prefix_cache = false;
  EXPECT_EQ(harness.run(std::move(apart)).at(0).cached_tokens, 0U);

  EngineHarness without({.prefix_caching = false});
  (void)without.run(make_request(1, prompt, 4));
  EXPECT_EQ(without.run(make_request(2, prompt, 4)).at(0).cached_tokens, 0U);
  EXPECT_TRUE(without.kv_events().empty());
}

TEST(EngineLoop, says_how_likely_each_prompt_token_was) {
  EngineHarness harness;
  std::vector<TokenId> prompt(40);
  for (std::uint32_t i = 0; i < prompt.size(); ++i) prompt[i] = i * 7 % 101;
  EngineRequest request = make_request(1, prompt, 3);
  request.prompt_logprobs = 2;
  request.choices = {{0, {}}, {1, {}}};
  const auto got = harness.run(request);
  const auto& logprobs = got.at(0).prompt_logprobs;
  ASSERT_EQ(logprobs.size(), 39U) << "all but the first, in portions of 16 rows";
  EXPECT_TRUE(got.at(1).prompt_logprobs.empty()) << "once per request";
  // Each equals what generating that token after the prompt so far would have said.
  for (const std::size_t at : {1U, 15U, 16U, 39U}) {
    EngineRequest probe =
        make_request(100 + at, {prompt.begin(), prompt.begin() + static_cast<long>(at)}, 1);
    probe.logprobs = 0;
    probe.allowed_token_ids = {prompt[at]};
    EXPECT_EQ(harness.run(std::move(probe)).at(0).logprobs.at(0).logprob, logprobs[at - 1].logprob);
  }
  request.handle = RequestHandle(2);
  EXPECT_EQ(harness.run(std::move(request)).at(0).cached_tokens, 0U);
}

TEST(EngineLoop, tells_of_every_block_that_it_keeps_and_drops) {
  EngineHarness harness({.num_blocks = 16});
  for (std::uint64_t i = 1; i <= 20; ++i) {
    (void)harness.run(make_request(i, {1, 2, 3, 4, static_cast<TokenId>(i), 6, 7, 8, 9}, 8));
  }
  std::set<kv::SequenceHash> content;
  std::size_t num_removed = 0;
  for (const kv::KvEvent& event : harness.kv_events()) {
    if (const auto* stored = std::get_if<kv::BlocksStored>(&event)) {
      for (const kv::StoredBlock& block : stored->blocks) {
        EXPECT_TRUE(content.insert(block.sequence_hash).second) << "stored twice";
      }
    } else {
      for (const kv::SequenceHash hash : std::get<kv::BlocksRemoved>(event).sequence_hashes) {
        EXPECT_EQ(content.erase(hash), 1U) << "removed, but never stored";
        ++num_removed;
      }
    }
  }
  EXPECT_GT(num_removed, 10U);
  EXPECT_LE(content.size(), 16U);
  EXPECT_TRUE(content.contains(
      kv::sequence_hashes(std::vector<TokenId>{1, 2, 3, 4}, 4, kv::kChainSeed)[0]));
}

TEST(EngineLoop, ends_at_the_deadline_in_queue_and_in_decode) {
  ManualClock clock;
  StepGate gate(2);
  EngineHarness harness(
      {.max_running = 1, .clock = &clock, .model = {.on_forward = [&] { gate.pass(); }}});
  EngineRequest running = make_request(1, {1, 2, 3}, 190);
  running.deadline = clock.now() + std::chrono::milliseconds(80);
  EngineRequest waiting = make_request(2, {1, 2}, 4);
  waiting.deadline = clock.now() + std::chrono::milliseconds(40);
  harness.submit(std::move(running));
  harness.submit(std::move(waiting));
  harness.wait_for_tokens(RequestHandle(1), 2);
  clock.advance(std::chrono::milliseconds(80));
  gate.open();
  EXPECT_EQ(harness.wait(RequestHandle(2)).at(0).finish, FinishReason::kDeadline);
  const Transcript cut = harness.wait(RequestHandle(1)).at(0);
  EXPECT_EQ(cut.finish, FinishReason::kDeadline);
  EXPECT_LE(cut.token_ids.size(), 3U);
  harness.wait_until_idle();
}

TEST(EngineLoop, echoes_pings_through_its_thread) {
  EngineHarness harness;
  harness.engine().ping(42);
  (void)harness.run(make_request(1, {1}, 1));
  EXPECT_EQ(harness.echoes(), std::vector<std::uint64_t>{42});
}

TEST(EngineLoop, refuses_submits_beyond_its_bounds_and_loses_none) {
  std::latch go(1);
  EngineHarness harness(
      {.max_running = 1, .max_waiting = 2, .model = {.on_forward = [&] { go.wait(); }}});
  // The engine is held inside its first step: the mailbox fills up behind it.
  harness.submit(make_request(1, {1}, 2));
  const MonotonicTime deadline = SystemClock().now() + std::chrono::seconds(10);
  while (harness.engine().phase() != StepPhase::kForward) {
    ASSERT_LT(SystemClock().now(), deadline);
    std::this_thread::yield();
  }
  harness.submit(make_request(2, {1}, 2));
  harness.submit(make_request(3, {1}, 2));
  EXPECT_FALSE(harness.engine().submit(make_request(4, {1}, 2)));
  go.count_down();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(harness.wait(RequestHandle(i)).at(0).finish, FinishReason::kLength);
  }
}

TEST(EngineLoop, cancels_what_is_live_when_it_stops) {
  StepGate gate(1);
  EngineHarness harness({.model = {.on_forward = [&] { gate.pass(); }}});
  harness.submit(make_request(1, {1, 2, 3}, 190));
  harness.wait_for_tokens(RequestHandle(1), 1);
  std::jthread stopper([&] { harness.stop(); });
  gate.open();
  const FinishReason finish = harness.wait(RequestHandle(1)).at(0).finish;
  EXPECT_TRUE(finish == FinishReason::kCancelled || finish == FinishReason::kLength);
  stopper.join();
  EXPECT_TRUE(harness.ledger().is_empty());
}

}  // namespace
}  // namespace penstock::engine
