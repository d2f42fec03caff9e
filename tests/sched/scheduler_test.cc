#include "sched/scheduler.h"

#include <gtest/gtest.h>

#include "tests/sched/scenario.h"

namespace penstock::sched {
namespace {

TEST(Scheduler, computes_a_prompt_and_then_one_token_per_step) {
  EXPECT_EQ(run_scenario(R"(
    pool 8 4
    add a known=5 max=8
    step 4
  )"),
            "step a[0,5)* +a free 6\n"
            "step a[5,6)* free 6\n"
            "step a[6,7)* free 6\n"
            "step a[7,8)* !a free 8\n");
}

TEST(Scheduler, cuts_prompts_at_block_ends_and_gives_the_first_half_of_a_step) {
  EXPECT_EQ(run_scenario(R"(
    pool 32 4 step=16
    add a known=30
    add b known=3
    add c known=40
    step 3
  )"),
            "step a[0,8) b[0,3)* c[0,4) +a +b +c free 28\n"
            "step b[3,4)* a[8,16) c[4,8) free 25\n"
            "step b[4,5)* a[16,24) c[8,12) free 21\n");
}

TEST(Scheduler, lets_a_short_prompt_pass_a_long_one) {
  EXPECT_EQ(run_scenario(R"(
    pool 64 4 step=16
    add long known=100
    step
    add short known=5
    step 2
  )"),
            "step long[0,16) +long free 60\n"
            "step long[16,24) short[0,5)* +short free 56\n"
            "step short[5,6)* long[24,36) free 53\n");
}

TEST(Scheduler, never_lets_a_prompt_delay_a_decode) {
  EXPECT_EQ(run_scenario(R"(
    pool 32 4 step=4
    add a known=2
    step
    add b known=40
    step 3
  )"),
            "step a[0,2)* +a free 31\n"
            "step a[2,3)* b[0,3) +b free 30\n"
            "step a[3,4)* b[3,4) free 30\n"
            "step a[4,5)* b[4,7) free 28\n");
}

TEST(Scheduler, sizes_chunks_so_that_decodes_keep_their_target) {
  // A pure decode step takes 1,010 us, so mixed ones aim at 1,515: 50 prompt tokens.
  EXPECT_EQ(run_scenario(R"(
    pool 400 4 cost=1000,10 prefill=3000
    add a known=4 max=40
    step 3
    add b known=1200
    step 6
  )"),
            "step a[0,4)* +a free 399\n"
            "step a[4,5)* free 398\n"
            "step a[5,6)* free 398\n"
            "step a[6,7)* b[0,1) +b free 397\n"
            "step a[7,8)* b[1,48) free 386\n"
            "step a[8,9)* b[48,96) free 373\n"
            "step a[9,10)* b[96,144) free 361\n"
            "step a[10,11)* b[144,192) free 349\n"
            "step a[11,12)* b[192,240) free 337\n");
}

TEST(Scheduler, starves_no_prompt_however_tight_the_target) {
  EXPECT_EQ(run_scenario(R"(
    pool 400 4 cost=1000,10 target=500 chunk=8
    add a known=4 max=40
    step 3
    add b known=20
    step 3
  )"),
            "step a[0,4)* +a free 399\n"
            "step a[4,5)* free 398\n"
            "step a[5,6)* free 398\n"
            "step a[6,7)* b[0,8) +b free 396\n"
            "step a[7,8)* b[8,16) free 394\n"
            "step a[8,9)* b[16,20)* free 392\n");
}

TEST(Scheduler, preempts_the_newest_and_lets_nobody_overtake_it) {
  EXPECT_EQ(run_scenario(R"(
    pool 5 4
    add a known=7 max=16
    add b known=7
    step 3
    add c known=2
    step 10
  )"),
            "step a[0,7)* b[0,7)* +a +b free 1\n"
            "step a[7,8)* b[7,8)* free 1\n"
            "step a[8,9)* -b free 2\n"
            "step a[9,10)* free 2\n"
            "step a[10,11)* free 2\n"
            "step a[11,12)* free 2\n"
            "step a[12,13)* free 1\n"
            "step a[13,14)* free 1\n"
            "step a[14,15)* free 1\n"
            "step a[15,16)* !a free 5\n"
            "step b[4,9)* c[0,2)* +b(hit 4) +c free 1\n"
            "step b[9,10)* c[2,3)* free 1\n"
            "step b[10,11)* c[3,4)* free 1\n");
}

TEST(Scheduler, keeps_room_for_what_runs_before_it_lets_another_in) {
  EXPECT_EQ(run_scenario(R"(
    pool 8 4 step=8
    add a known=20
    add b known=13
    step 4
  )"),
            "step a[0,8) +a free 6\n"
            "step a[8,16) free 4\n"
            "step a[16,20)* free 3\n"
            "step a[20,21)* free 2\n");
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
    step
    counts
  )"),
            "add b: 1 sequences are waiting already; the limit is 1\n"
            "step c[0,3)* +c free 3\n"
            "running 1 waiting 1 prompt tokens 3 blocks 1 cached 0 wanted 1\n");
}

TEST(Scheduler, serves_higher_bands_first_then_arrival_less_priority) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4 running=1
    add late known=1 at=20
    add early known=1 at=10
    add urgent known=1 at=30 band=1
    add nudged known=1 at=25 priority=20
    step stop=urgent
    step stop=nudged
    step stop=early
    step stop=late
  )"),
            "step urgent[0,1)* +urgent !urgent free 16\n"
            "step nudged[0,1)* +nudged !nudged free 16\n"
            "step early[0,1)* +early !early free 16\n"
            "step late[0,1)* +late !late free 16\n");
}

TEST(Scheduler, lifts_what_waits_so_that_the_lowest_band_is_reached) {
  // One ageing period each makes `low`, two bands below, as urgent as a newcomer after 20 s.
  EXPECT_EQ(run_scenario(R"(
    pool 16 4 running=1 ageing=10
    add low known=1 at=0 band=0
    clock 19
    add high known=1 at=19 band=2
    step stop=high
    clock 21
    add next known=1 at=21 band=2
    step stop=low
    step stop=next
  )"),
            "step high[0,1)* +high !high free 16\n"
            "step low[0,1)* +low !low free 16\n"
            "step next[0,1)* +next !next free 16\n");
}

TEST(Scheduler, takes_turns_between_tenants_by_what_they_were_served) {
  EXPECT_EQ(run_scenario(R"(
    pool 64 4 running=1
    add a1 known=8 tenant=a
    add a2 known=8 tenant=a
    add a3 known=8 tenant=a
    add b1 known=4 tenant=b
    add b2 known=4 tenant=b
    add b3 known=4 tenant=b
    step stop=a1
    step stop=b1
    step stop=b2
    step stop=a2
    step stop=b3
    step stop=a3
  )"),
            "step a1[0,8)* +a1 !a1 free 64\n"
            "step b1[0,4)* +b1 !b1 free 64\n"
            "step b2[0,4)* +b2 !b2 free 64\n"
            "step a2[0,8)* +a2 !a2 free 64\n"
            "step b3[0,4)* +b3 !b3 free 64\n"
            "step a3[0,8)* +a3 !a3 free 64\n");
}

TEST(Scheduler, counts_a_tenant_s_weight) {
  EXPECT_EQ(run_scenario(R"(
    pool 64 4 running=1
    add a1 known=8 tenant=a weight=2
    add a2 known=8 tenant=a weight=2
    add a3 known=8 tenant=a weight=2
    add b1 known=8 tenant=b
    add b2 known=8 tenant=b
    step stop=a1
    step stop=b1
    step stop=a2
    step stop=a3
    step stop=b2
  )"),
            "step a1[0,8)* +a1 !a1 free 64\n"
            "step b1[0,8)* +b1 !b1 free 64\n"
            "step a2[0,8)* +a2 !a2 free 64\n"
            "step a3[0,8)* +a3 !a3 free 64\n"
            "step b2[0,8)* +b2 !b2 free 64\n");
}

TEST(Scheduler, computes_a_prompt_once_for_all_its_choices) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4 step=6
    add a known=10
    add b fork_of=a
    add c fork_of=a
    step 3
  )"),
            "step a[0,4) +a free 15\n"
            "step a[4,10)* ^b ^c free 11\n"
            "step a[10,11)* b[10,11)* c[10,11)* free 11\n");
}

TEST(Scheduler, starts_a_choice_alone_when_its_sibling_is_gone) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4 step=4
    add a known=6
    add b fork_of=a
    step
    finish a
    step 2
  )"),
            "step a[0,4) +a free 15\n"
            "finish a free 16\n"
            "step b[4,6)* +b(hit 4) free 14\n"
            "step b[6,7)* free 14\n");
}

TEST(Scheduler, starts_a_choice_alone_when_there_is_no_room_to_fork) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4 running=1
    add a text=abcdefghij
    add b fork_of=a
    step stop=a
    step
  )"),
            "step a[0,10)* +a !a free 16\n"
            "step b[8,10)* +b(hit 8) free 13\n");
}

TEST(Scheduler, takes_what_another_has_computed) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4
    add a text=aaaabbbbcc
    step stop=a
    counts
    add b text=aaaabbbbdd
    step
    add c text=aaaabbbb
    step
  )"),
            "step a[0,10)* +a !a free 16\n"
            "running 0 waiting 0 prompt tokens 0 blocks 0 cached 2 wanted 0\n"
            "step b[8,10)* +b(hit 8) free 13\n"
            "step b[10,11)* c[4,8)* +c(hit 4) free 13\n");
}

TEST(Scheduler, takes_what_a_batch_mate_computes_in_the_same_step) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4
    add a text=aaaabbbbcc
    add b text=aaaabbbbdd
    add c text=aaaacccc
    step
    counts
  )"),
            "step a[0,10)* b[8,10)* c[4,8)* +a +b(hit 8) +c(hit 4) free 11\n"
            "running 3 waiting 0 prompt tokens 0 blocks 5 cached 0 wanted 0\n");
}

TEST(Scheduler, lets_two_compute_a_common_prompt_together) {
  EXPECT_EQ(run_scenario(R"(
    pool 32 4 step=16
    add a text=aaaabbbbccccddddeeeeffffgggghhhhaaaabbbbxx
    add b text=aaaabbbbccccddddeeeeffffgggghhhhaaaabbbbyy
    step 3
  )"),
            "step a[0,8) b[8,16) +a +b(hit 8) free 28\n"
            "step a[16,24) b[24,32) free 24\n"
            "step a[32,42)* b[40,42)* free 20\n");
}

TEST(Scheduler, keeps_one_copy_of_what_two_have_generated_alike) {
  // Decodes are not announced: both fill a block of equal content, one of them is given back.
  EXPECT_EQ(run_scenario(R"(
    pool 16 4
    add a text=aaa
    add b text=aaa voice=a
    step 3
    counts
  )"),
            "step a[0,3)* b[0,3)* +a +b free 14\n"
            "step a[3,4)* b[3,4)* free 15\n"
            "step a[4,5)* b[4,5)* free 13\n"
            "running 2 waiting 0 prompt tokens 0 blocks 3 cached 0 wanted 0\n");
}

TEST(Scheduler, shares_nothing_of_a_sequence_that_stays_out_of_the_cache) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4
    add a text=aaaabbbbcc cache=0
    step stop=a
    add b text=aaaabbbbdd
    step stop=b
    add c text=aaaabbbbee cache=0
    step
  )"),
            "step a[0,10)* +a !a free 16\n"
            "step b[0,10)* +b !b free 16\n"
            "step c[0,10)* +c free 13\n");
}

TEST(Scheduler, a_preempted_sequence_finds_its_blocks_again) {
  EXPECT_EQ(run_scenario(R"(
    pool 5 4
    add a known=7 max=11
    add b known=7
    step 6
  )"),
            "step a[0,7)* b[0,7)* +a +b free 1\n"
            "step a[7,8)* b[7,8)* free 1\n"
            "step a[8,9)* -b free 2\n"
            "step a[9,10)* free 2\n"
            "step a[10,11)* !a free 5\n"
            "step b[8,9)* +b(hit 8) free 2\n");
}

TEST(Scheduler, limits_the_rows_of_logits_of_a_step) {
  EXPECT_EQ(run_scenario(R"(
    pool 64 4
    add a known=100 rows=99 cache=0
    add b known=9 rows=8 cache=0
    step 3
  )"),
            "step a[0,64) +a free 48\n"
            "step a[64,100)* b[0,9)* +b free 36\n"
            "step a[100,101)* b[9,10)* free 35\n");
}

TEST(Scheduler, gives_all_blocks_back_when_a_sequence_ends_in_any_state) {
  EXPECT_EQ(run_scenario(R"(
    pool 4 4 step=5
    add waiting known=3
    finish waiting
    add prefilling known=9
    step
    finish prefilling
    add decoding known=3
    step
    finish decoding
    counts
  )"),
            "finish waiting free 4\n"
            "step prefilling[0,4) +prefilling free 3\n"
            "finish prefilling free 4\n"
            "step decoding[0,3)* +decoding free 3\n"
            "finish decoding free 4\n"
            "running 0 waiting 0 prompt tokens 0 blocks 0 cached 1 wanted 0\n");
}

TEST(Scheduler, plans_the_same_tokens_again_after_an_abandoned_step) {
  EXPECT_EQ(run_scenario(R"(
    pool 16 4 step=8
    add a text=aaaabbbbcc
    add b text=aaaabbbbdd
    abandon
    counts
    step 2
    abandon
    step
  )"),
            "abandon free 16\n"
            "running 1 waiting 1 prompt tokens 20 blocks 0 cached 0 wanted 3\n"
            "step a[0,4) b[4,8) +b(hit 4) free 14\n"
            "step a[8,10)* b[8,10)* free 12\n"
            "abandon free 12\n"
            "step a[10,11)* b[10,11)* free 12\n");
}

TEST(SchedulerDeathTest, finds_a_plan_left_open) {
  kv::BlockPool pool(4, 4);
  Scheduler scheduler({.block_size = 4}, pool);
  (void)scheduler.schedule({});
  EXPECT_DEATH((void)scheduler.schedule({}), "sched invariant 3");
  (void)scheduler.commit({});
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
