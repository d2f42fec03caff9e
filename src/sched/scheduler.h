// Which sequences compute which tokens in the next step.
//
// Continuous batching over paged KV. Every decoding sequence gets its token. The time that is left
// until the step's target goes to prompts: the most deserving gets half of it, the next half of the
// rest, and so on, so that a short prompt need not wait for a long one. Blocks are taken as
// sequences grow, from the prefix cache where it has them; when none is left, the sequence of the
// lowest band, newest first, gives its blocks back and is recomputed later. The first running
// sequence always advances, so nothing deadlocks.
//
//   scheduler.add(spec);
//   const StepPlan& plan = scheduler.schedule(now);
//   ... compute the plan ...
//   for (const ScheduledFork& fork : scheduler.commit(elapsed)) ...   // copy its block
//   scheduler.append_token(id, token) or finish(id);   // for each chunk that samples, each fork
//
// Pure: values in, values out, time as a parameter. Threading: one owner, the engine thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "kv/block_pool.h"
#include "sched/cost_model.h"
#include "sched/fair_share.h"
#include "sched/sequence.h"
#include "sched/step_plan.h"
#include "sched/waiting_queue.h"

namespace penstock::sched {

struct SchedulerLimits {
  std::uint32_t block_size = 32;
  std::uint32_t max_running = 256;   // sequences with blocks
  std::uint32_t max_waiting = 1024;  // migrated ones are exempt
  std::uint32_t max_step_tokens = 8192;
  std::uint32_t max_prompt_logit_rows = 64;  // per step, beside one row per running sequence
  // Most time a step should take while others decode; unset = 1.5 times the pure decode step.
  std::optional<Duration> itl_target{};
  // While nothing decodes: long enough for large chunks, short enough that a cancel or a new
  // request waits no longer than a person notices.
  Duration prefill_only_target = std::chrono::milliseconds(200);
  // Prompt tokens in every step that has prompts, whatever the target: none is starved.
  std::uint32_t min_chunk_tokens = 16;
  Duration ageing = std::chrono::seconds(10);  // per band (sched/waiting_queue.h)
};

struct SchedulerCounts {
  std::uint32_t running = 0;
  std::uint32_t decoding = 0;  // of the running ones
  std::uint32_t waiting = 0;
  std::uint64_t uncomputed_prompt_tokens = 0;  // of running and waiting sequences
  std::uint64_t blocks_active = 0;
  std::uint64_t blocks_cached = 0;
  std::uint64_t blocks_waiting = 0;  // what waiting sequences need to start
};

class Scheduler final {
 public:
  // `pool` outlives the scheduler.
  Scheduler(const SchedulerLimits& limits, kv::BlockPool& pool);

  // kInvalid: can never fit, with both numbers. kResourceExhausted: the queue is full.
  [[nodiscard]] Status add(const SequenceSpec& spec);

  // Valid until the next call. Blocks for every planned token are held when it returns.
  [[nodiscard]] const StepPlan& schedule(MonotonicTime now);
  // The step of the last plan has been computed in `elapsed`, which teaches the cost model. Returns
  // the choices that go on from a prompt of this plan, valid until the next call.
  [[nodiscard]] std::span<const ScheduledFork> commit(Duration elapsed);
  // Takes back a plan that was not computed; its tokens will be planned again.
  void abandon();

  // `token_id` was sampled after the last known token.
  void append_token(SequenceId id, std::uint32_t token_id);
  // Ends a sequence in any state: its blocks are given back when this returns. Not between
  // schedule() and commit().
  void finish(SequenceId id);

  [[nodiscard]] bool has_work() const noexcept { return !sequences_.empty(); }
  [[nodiscard]] const Sequence& sequence(SequenceId id) const;
  [[nodiscard]] SchedulerCounts counts() const noexcept;
  [[nodiscard]] const SchedulerLimits& limits() const noexcept { return limits_; }
  [[nodiscard]] const CostModel& cost() const noexcept { return cost_; }
  [[nodiscard]] std::uint64_t num_preemptions() const noexcept { return num_preemptions_; }

 private:
  Sequence& find(SequenceId id);
  void plan_decodes();
  void plan_running_prompts();
  void plan_waiting(MonotonicTime now);
  void extend_chunks();
  void plan_chunk(Sequence& sequence, std::uint32_t num_tokens);
  [[nodiscard]] std::uint32_t affordable_tokens(std::uint32_t first_position) const;
  [[nodiscard]] std::uint32_t chunk_tokens(const Sequence& sequence, bool shares_step) const;
  [[nodiscard]] bool make_room(Sequence& sequence, std::uint32_t num_tokens);
  void unplan(SequenceId id);
  void preempt(Sequence& sequence);
  void stop_running(Sequence& sequence);
  void start_running(Sequence& sequence, std::uint32_t band);
  [[nodiscard]] bool has_room_to_start(const Sequence& sequence) const;
  void fork_choices_of(const Sequence& leader, std::size_t chunk);
  void release_forks_of(SequenceId leader);
  [[nodiscard]] std::uint32_t num_running_prompts() const noexcept;

  SchedulerLimits limits_;
  kv::BlockPool& pool_;
  FairShare shares_;
  CostModel cost_;
  std::unordered_map<SequenceId, Sequence> sequences_;
  std::vector<Sequence*> running_;  // most deserving first: the last one is preempted first
  WaitingQueue waiting_;
  StepPlan plan_;
  std::vector<Sequence*> hit_takers_;  // took blocks from the cache for this plan
  std::vector<ScheduledFork> forks_;
  Duration target_{};                    // of the step being planned
  std::uint32_t prompt_rows_ = 0;        // planned so far: tokens of prompts,
  std::uint32_t prompt_logit_rows_ = 0;  // and those of which each wants logits
  double headroom_blocks_ = 0;           // kept free per running sequence when another starts
  std::uint32_t num_forks_waiting_ = 0;
  std::uint64_t num_preemptions_ = 0;
  bool plan_open_ = false;
};

}  // namespace penstock::sched
