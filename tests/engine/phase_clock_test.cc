#include "engine/phase_clock.h"

#include <gtest/gtest.h>

#include "tests/engine/harness.h"

namespace penstock::engine {
namespace {

using std::chrono::milliseconds;

constexpr MonotonicTime at(int ms) {
  return MonotonicTime{} + milliseconds(ms);
}

TEST(PhaseClock, adds_up_every_stay_and_the_current_one) {
  PhaseClock clock(at(0));
  clock.move_to(ChoicePhase::kPrefill, at(10));
  clock.move_to(ChoicePhase::kPreempted, at(30));
  clock.move_to(ChoicePhase::kPrefill, at(60));
  clock.move_to(ChoicePhase::kDecode, at(61));
  EXPECT_EQ(clock.time_in(ChoicePhase::kQueue, at(100)), milliseconds(10));
  EXPECT_EQ(clock.time_in(ChoicePhase::kPrefill, at(100)), milliseconds(21));
  EXPECT_EQ(clock.time_in(ChoicePhase::kPreempted, at(100)), milliseconds(30));
  EXPECT_EQ(clock.time_in(ChoicePhase::kDecode, at(100)), milliseconds(39));
  clock.move_to(ChoicePhase::kEnded, at(90));
  EXPECT_EQ(clock.time_in(ChoicePhase::kDecode, at(100)), milliseconds(29)) << "it has ended";
}

TEST(PhaseClock, knows_its_legal_transitions) {
  using enum ChoicePhase;
  const auto targets_of = [](ChoicePhase from) {
    std::string out;
    for (const ChoicePhase to : {kQueue, kPrefill, kDecode, kPreempted, kEnded}) {
      if (is_legal_transition(from, to)) out += format("{} ", to_string(to));
    }
    return out;
  };
  EXPECT_EQ(targets_of(kQueue), "prefill ended ");
  EXPECT_EQ(targets_of(kPrefill), "decode preempted ended ");
  EXPECT_EQ(targets_of(kDecode), "preempted ended ");
  EXPECT_EQ(targets_of(kPreempted), "prefill decode ended ");
  EXPECT_EQ(targets_of(kEnded), "");
}

// Time passes in forwards only: 10 ms each.
class ChoicePhases : public ::testing::Test {
 protected:
  static constexpr Duration kForward = milliseconds(10);

  EngineHarness::Options options() {
    return {.clock = &clock_, .model = {.on_forward = [this] {
                                gate_.pass();
                                clock_.advance(kForward);
                              }}};
  }
  EngineRequest request(std::uint64_t handle, std::size_t num_prompt, std::uint32_t max_tokens) {
    EngineRequest made =
        make_request(handle, std::vector<TokenId>(num_prompt, TokenId(handle)), max_tokens);
    made.arrival = clock_.now();
    return made;
  }
  static Duration total(const ChoiceOutput& end) {
    return end.queue_time + end.prefill_time + end.decode_time + end.preempted_time;
  }
  ManualClock clock_;
  StepGate gate_{0};  // until every request is there
};

TEST_F(ChoicePhases, a_request_alone_waits_for_nothing) {
  EngineHarness::Options with = options();
  with.max_step_tokens = 16;
  EngineHarness harness(std::move(with));
  gate_.open();
  const ChoiceOutput end = harness.run(request(1, 40, 5)).at(0).end;
  EXPECT_EQ(end.queue_time, Duration::zero());
  EXPECT_EQ(end.prefill_time, 3 * kForward) << "40 tokens in steps of 16";
  EXPECT_EQ(end.decode_time, 4 * kForward);
  EXPECT_EQ(end.preempted_time, Duration::zero());
  EXPECT_EQ(end.num_steps, 7U);
}

TEST_F(ChoicePhases, what_waits_for_a_seat_is_queued) {
  EngineHarness::Options with = options();
  with.max_running = 1;
  EngineHarness harness(std::move(with));
  harness.submit(request(1, 4, 6));
  harness.submit(request(2, 4, 2));
  gate_.open();
  EXPECT_EQ(harness.wait(RequestHandle(1)).at(0).end.queue_time, Duration::zero());
  const ChoiceOutput end = harness.wait(RequestHandle(2)).at(0).end;
  EXPECT_EQ(end.queue_time, 6 * kForward);
  EXPECT_EQ(end.prefill_time, kForward);
  EXPECT_EQ(end.decode_time, kForward);
}

TEST_F(ChoicePhases, a_preempted_choice_counts_its_exile_and_its_times_add_up) {
  EngineHarness::Options with = options();
  with.num_blocks = 20;
  with.prefix_caching = false;
  with.max_step_tokens = 256;
  EngineHarness harness(std::move(with));
  const MonotonicTime begin = clock_.now();
  std::uint32_t num_preemptions = 0;
  for (std::uint64_t i = 1; i <= 4; ++i) harness.submit(request(i, 10, 50));
  gate_.open();
  for (std::uint64_t i = 1; i <= 4; ++i) {
    const ChoiceOutput end = harness.wait(RequestHandle(i)).at(0).end;
    EXPECT_EQ(end.num_preemptions > 0, end.preempted_time > Duration::zero()) << i;
    EXPECT_LE(total(end), clock_.now() - begin) << i;
    EXPECT_EQ(end.prefill_time + end.decode_time, end.num_steps * kForward) << i;
    num_preemptions += end.num_preemptions;
  }
  EXPECT_GT(num_preemptions, 0U) << "80 slots for 240 tokens";
}

TEST_F(ChoicePhases, choices_of_one_prompt_share_its_prefill) {
  EngineHarness harness(options());
  EngineRequest made = request(1, 20, 4);
  made.choices = {{0, {}}, {1, {}}};
  gate_.open();
  const auto transcripts = harness.run(std::move(made));
  for (const std::uint32_t choice : {0U, 1U}) {
    const ChoiceOutput& end = transcripts.at(choice).end;
    EXPECT_EQ(end.queue_time, Duration::zero());
    EXPECT_EQ(end.prefill_time, kForward);
    EXPECT_EQ(end.decode_time, 3 * kForward);
  }
}

}  // namespace
}  // namespace penstock::engine
