// Which sequences compute which tokens in the next step.
//
// Continuous batching over paged KV: every decoding sequence gets its token, what remains of the
// step's budget goes to prompts in queue order, several partial prefills at once. Blocks are taken
// as sequences grow; when none is left the sequence of lowest priority, newest first, gives its
// blocks back and is recomputed later. The oldest sequence of the highest band always advances, so
// nothing deadlocks.
//
//   scheduler.add(spec);
//   const StepPlan& plan = scheduler.schedule(budget);
//   ... compute the plan ...
//   scheduler.commit();                            // every planned token is now computed
//   scheduler.append_token(id) or finish(id);      // for each chunk that samples
//
// Pure: values in, values out, time as a parameter. Threading: one owner, the engine thread.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "kv/block_pool.h"
#include "sched/sequence.h"
#include "sched/step_plan.h"

namespace penstock::sched {

struct SchedulerLimits {
  std::uint32_t block_size = 32;
  std::uint32_t max_running = 256;   // sequences with blocks
  std::uint32_t max_waiting = 1024;  // migrated ones are exempt
  std::uint32_t max_step_tokens = 8192;
};

struct StepBudget {
  // Most tokens of this step. Decodes are never cut by it; prompts share what they leave.
  std::uint32_t max_tokens = 0;
};

struct SchedulerCounts {
  std::uint32_t running = 0;
  std::uint32_t decoding = 0;  // of the running ones
  std::uint32_t waiting = 0;
  std::uint64_t uncomputed_prompt_tokens = 0;  // of running and waiting sequences
  std::uint64_t blocks_active = 0;
  std::uint64_t blocks_waiting = 0;  // what waiting sequences need to start
};

class Scheduler final {
 public:
  // `pool` outlives the scheduler.
  Scheduler(SchedulerLimits limits, kv::BlockPool& pool);

  // kInvalid: can never fit, with both numbers. kResourceExhausted: the queue is full.
  [[nodiscard]] Status add(const SequenceSpec& spec);

  // Valid until the next call. Blocks for every planned token are held when it returns.
  [[nodiscard]] const StepPlan& schedule(StepBudget budget);
  // The step of the last plan has been computed.
  void commit();
  // Takes back a plan that was not computed; its tokens will be planned again.
  void abandon();

  // A token was sampled after the last known one.
  void append_token(SequenceId id);
  // Ends a sequence in any state: its blocks are free when this returns. Not between schedule()
  // and commit().
  void finish(SequenceId id);

  [[nodiscard]] bool has_work() const noexcept { return !sequences_.empty(); }
  [[nodiscard]] const Sequence& sequence(SequenceId id) const;
  // Pool positions of the sequence's blocks.
  [[nodiscard]] std::span<const std::uint32_t> block_ids(SequenceId id) const;
  [[nodiscard]] SchedulerCounts counts() const noexcept;
  [[nodiscard]] const SchedulerLimits& limits() const noexcept { return limits_; }
  [[nodiscard]] std::uint64_t num_preemptions() const noexcept { return num_preemptions_; }

 private:
  struct Order {
    bool operator()(const Sequence* a, const Sequence* b) const noexcept;
  };

  Sequence& find(SequenceId id);
  void plan_chunk(Sequence& sequence, std::uint32_t num_tokens);
  void plan_running(std::uint32_t max_tokens);
  void plan_waiting(std::uint32_t max_tokens);
  bool make_room(Sequence& sequence, std::uint32_t num_tokens);
  void preempt(Sequence& sequence);
  [[nodiscard]] bool can_start(const Sequence& sequence) const;
  void start(Sequence& sequence);
  void enqueue(Sequence& sequence);
  void dequeue(const Sequence& sequence);

  SchedulerLimits limits_;
  kv::BlockPool& pool_;
  std::unordered_map<SequenceId, Sequence> sequences_;
  std::vector<Sequence*> running_;  // most deserving first: the last one is preempted first
  std::vector<Sequence*> waiting_;  // in queue order
  StepPlan plan_;
  bool plan_open_ = false;
  std::uint64_t num_preemptions_ = 0;
};

}  // namespace penstock::sched
