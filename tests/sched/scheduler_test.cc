#include "sched/scheduler.h"

#include <gtest/gtest.h>

#include "tests/sched/scenario.h"

namespace penstock::sched {
namespace {

TEST(Scheduler, computes_a_prompt_and_then_one_token_per_step) {
  EXPECT_EQ(run_scenario(R"(
    pool 8 4
    add a known=5 max=8
    step 100
    step 100
    step 100
    step 100
  )"),
            "step a[0,5)* +a free 6\n"
            "step a[5,6)* free 6\n"
            "step a[6,7)* free 6\n"
            "step a[7,8)* !a free 8\n");
}

TEST(Scheduler, cuts_prompts_into_chunks_and_shares_a_step_among_several) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4
    add a known=10
    add b known=3
    add c known=6
    step 8
    step 8
    step 8
  )"),
            "step a[0,8) +a free 14\n"
            "step a[8,10)* b[0,3)* c[0,3) +b +c free 11\n"
            "step a[10,11)* b[3,4)* c[3,6)* free 10\n");
}

TEST(Scheduler, never_lets_a_prompt_delay_a_decode) {
  EXPECT_EQ(run_scenario(R"(
    pool 32 4
    add a known=2
    step 4
    add b known=40
    step 4
    step 4
    step 1
  )"),
            "step a[0,2)* +a free 31\n"
            "step a[2,3)* b[0,3) +b free 30\n"
            "step a[3,4)* b[3,6) free 29\n"
            "step a[4,5)* free 28\n");
}

TEST(Scheduler, preempts_the_newest_and_lets_nobody_overtake_it) {
  EXPECT_EQ(run_scenario(R"(
    pool 4 4
    add a known=7 max=11
    add b known=7
    step 100
    step 100
    step 100
    add c known=2
    step 100
    step 100
    step 100
  )"),
            "step a[0,7)* b[0,7)* +a +b free 0\n"
            "step a[7,8)* b[7,8)* free 0\n"
            "step a[8,9)* -b free 1\n"
            "step a[9,10)* free 1\n"
            "step a[10,11)* !a free 4\n"
            "step b[0,9)* c[0,2)* +b +c free 0\n");
}

TEST(Scheduler, refuses_what_can_never_fit_with_both_numbers) {
  EXPECT_EQ(run_scenario(R"(
    pool 4 4
    add a known=3 max=17
  )"),
            "add a: the request needs 5 KV blocks of 4 tokens (prompt and max_tokens), the pool "
            "has 4; shorten the prompt or lower max_tokens\n");
}

TEST(Scheduler, bounds_its_queue_but_takes_migrated_sequences) {
  EXPECT_EQ(run_scenario(R"(
    pool 4 4 running=1 waiting=1
    add a known=3 max=8
    add b known=3 max=8
    add c known=3 max=8 migrations=1
    step 10
    counts
  )"),
            "add b: 1 sequences are waiting already; the limit is 1\n"
            "step c[0,3)* +c free 3\n"
            "running 1 waiting 1 prompt tokens 3 blocks 1 wanted 1\n");
}

TEST(Scheduler, serves_higher_bands_first_then_arrival_less_priority) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4 running=1
    add late known=1 at=20
    add early known=1 at=10
    add urgent known=1 at=30 band=1
    add nudged known=1 at=25 priority=20
    step 8 stop=urgent
    step 8 stop=nudged
    step 8 stop=early
    step 8 stop=late
  )"),
            "step urgent[0,1)* +urgent !urgent free 16\n"
            "step nudged[0,1)* +nudged !nudged free 16\n"
            "step early[0,1)* +early !early free 16\n"
            "step late[0,1)* +late !late free 16\n");
}

TEST(Scheduler, computes_a_prompt_once_for_all_its_choices) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4
    add a known=10
    add b known=10 prompt_of=a
    step 6
    step 6
    step 6
  )"),
            "step a[0,6) +a free 14\n"
            "step a[6,10)* free 13\n"
            "step a[10,11)* b[8,10)* +b free 12\n");
}

TEST(Scheduler, starts_a_choice_alone_when_its_sibling_is_gone) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4
    add a known=6
    add b known=6 prompt_of=a
    step 100 stop=a
    step 100
  )"),
            "step a[0,6)* +a !a free 16\n"
            "step b[0,6)* +b free 14\n");
}

TEST(Scheduler, gives_all_blocks_back_when_a_sequence_ends_in_any_state) {
  EXPECT_EQ(run_scenario(R"(
    pool 4 4
    add waiting known=3
    finish waiting
    add prefilling known=9
    step 5
    finish prefilling
    add decoding known=3
    step 5
    finish decoding
    counts
  )"),
            "finish waiting free 4\n"
            "step prefilling[0,5) +prefilling free 2\n"
            "finish prefilling free 4\n"
            "step decoding[0,3)* +decoding free 3\n"
            "finish decoding free 4\n"
            "running 0 waiting 0 prompt tokens 0 blocks 0 wanted 0\n");
}

TEST(Scheduler, plans_the_same_tokens_again_after_an_abandoned_step) {
  kv::BlockPool pool(4, 4);
  Scheduler scheduler({.block_size = 4, .max_running = 4, .max_waiting = 4}, pool);
  SequenceSpec spec;
  spec.id = SequenceId(1);
  spec.num_known_tokens = 6;
  spec.max_tokens = 8;
  ASSERT_TRUE(scheduler.add(spec));
  ASSERT_EQ(scheduler.schedule({.max_tokens = 4}).num_tokens, 4U);
  scheduler.abandon();
  const StepPlan& again = scheduler.schedule({.max_tokens = 4});
  ASSERT_EQ(again.chunks.size(), 1U);
  EXPECT_EQ(again.chunks[0].first_position, 0U);
  scheduler.commit();
  scheduler.finish(SequenceId(1));
}

TEST(SchedulerDeathTest, finds_a_plan_left_open) {
  kv::BlockPool pool(4, 4);
  Scheduler scheduler({.block_size = 4}, pool);
  (void)scheduler.schedule({.max_tokens = 1});
  EXPECT_DEATH((void)scheduler.schedule({.max_tokens = 1}), "sched invariant 3");
  scheduler.commit();
}

TEST(Sequence, allows_only_the_drawn_transitions) {
  using enum SequenceState;
  EXPECT_TRUE(is_legal_transition(kWaiting, kRunning));
  EXPECT_TRUE(is_legal_transition(kRunning, kWaiting));
  EXPECT_TRUE(is_legal_transition(kRunning, kFinished));
  EXPECT_TRUE(is_legal_transition(kWaiting, kFinished));
  EXPECT_FALSE(is_legal_transition(kFinished, kRunning));
  EXPECT_FALSE(is_legal_transition(kWaiting, kWaiting));
}

}  // namespace
}  // namespace penstock::sched
