// The engine: one thread that owns scheduler, block pool and batch state, and steps them.
//
//   collect -> schedule -> prepare -> forward -> sample -> commit -> publish
//
// No lock guards that state; other threads talk to it through the mailbox. A request that fails
// (NaN in its logits, no possible token, no room ever) ends alone; the step goes on.
//
// Threading: the public methods may be called from any thread unless said otherwise. The sink is
// called on the engine thread, once per step that has something to say, and must not block.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/ledger.h"
#include "base/thread.h"
#include "engine/live_requests.h"
#include "engine/mailbox.h"
#include "engine/phase_timer.h"
#include "engine/probe.h"
#include "engine/request.h"
#include "engine/stall_detector.h"
#include "engine/step_runner.h"
#include "engine/step_trace.h"
#include "kv/block_pool.h"
#include "sched/scheduler.h"

namespace penstock::engine {

struct EngineOptions {
  std::uint32_t num_blocks = 0;
  std::uint32_t context_length = 0;  // prompt and output together
  bool prefix_caching = true;        // off: no reuse, no KV events
  sched::SchedulerLimits limits;
  StepTrace* trace = nullptr;  // outlives the engine; null = none
};

using StepSink = std::move_only_function<void(StepReport)>;

class EngineLoop final {
 public:
  // `clock` and `ledger` outlive the engine. Starts no thread yet.
  EngineLoop(EngineOptions options, std::unique_ptr<StepRunner> runner, const Clock& clock,
             Ledger& ledger, EngineProbe probe, StepSink sink);
  ~EngineLoop();  // stop() has returned, or start() was never called

  void start();
  // Ends every live request as cancelled, publishes that, and joins the thread.
  void stop();

  // False when the mailbox is full or the engine is stopping. Every other outcome, refusals by
  // the scheduler included, comes through the sink.
  [[nodiscard]] bool submit(EngineRequest&& request);
  // A no-op for what is not live (any more). Blocks are back within one step.
  void cancel(RequestHandle handle, std::optional<std::uint32_t> choice);
  // Comes back in StepReport::echoes, through the engine thread.
  void ping(std::uint64_t n);
  // Forgets all cached prefixes between two steps: blocks that nobody references are free, those in
  // use will be when they are given back. Comes back in StepReport::clears.
  void clear_cache(std::uint64_t n);

  [[nodiscard]] std::uint64_t num_steps() const noexcept { return num_steps_.load(); }
  // What stall detection watches.
  [[nodiscard]] EnginePulse pulse() const;
  [[nodiscard]] StepPhase phase() const noexcept { return phase_.load(); }

 private:
  void run();
  void step();
  [[nodiscard]] PhaseTimer in_phase(StepPhase phase);

  // Requests in and out (engine_loop.cc).
  void collect(Duration max_wait);
  void admit(EngineRequest request);
  [[nodiscard]] Status schedule_choices(LiveRequest& request);
  void refuse(const EngineRequest& request, FinishReason reason, const std::string& message);
  void cancel_now(const CancelCommand& command);
  void clear_now(const ClearCommand& command);
  void expire(MonotonicTime now);
  void end_all();
  void finish(LiveChoice& choice, FinishReason reason, std::string message = {});
  void finish_all(LiveRequest& request, FinishReason reason);
  ChoiceOutput& output_of(LiveChoice& choice);
  void enter(LiveChoice& choice, ChoicePhase phase, MonotonicTime at);
  static void set_phases(const LiveChoice& choice, MonotonicTime now, ChoiceOutput& output);
  void record_end(LiveChoice& choice, const ChoiceOutput& output, MonotonicTime now);

  // One step (engine_step.cc).
  const sched::StepPlan& schedule(MonotonicTime now);
  void prepare(const sched::StepPlan& plan, MonotonicTime begin);
  void move_clocks(const sched::StepPlan& plan, MonotonicTime begin);
  void forward(const sched::StepPlan& plan);
  void sample(const sched::StepPlan& plan);
  void commit(const sched::StepPlan& plan, Duration elapsed);
  [[nodiscard]] static bool has_broken_prompt(const LiveRequest& request);
  void keep_prompt_logprobs(const sched::StepPlan& plan);
  [[nodiscard]] Result<SampledToken> sample_choice(const LiveChoice& choice, std::size_t chunk);
  void accept(LiveChoice& choice, Result<SampledToken> sampled);
  void observe(const sched::StepPlan& plan, Duration elapsed);
  void publish();
  [[nodiscard]] EngineLoad load() const;

  const EngineOptions options_;
  const Clock& clock_;
  const EngineProbe probe_;
  StepSink sink_;
  Mailbox mailbox_;

  // The engine thread's own, from here to the atomics.
  std::unique_ptr<StepRunner> runner_;
  kv::BlockPool pool_;
  sched::Scheduler scheduler_;
  LiveRequests requests_;
  Ledger::Entry blocks_entry_;
  Ledger& ledger_;
  StepReport report_;
  std::vector<Result<SampledToken>> sampled_;  // one per chunk that samples, in plan order
  std::uint64_t num_evicted_ = 0;              // blocks, as far as they are counted
  double step_us_ = 0;
  double prefill_tokens_per_s_ = 0;

  std::atomic<std::uint64_t> num_steps_{0};
  std::atomic<std::uint64_t> num_echoes_{0};
  std::atomic<StepPhase> phase_{StepPhase::kCollect};
  std::atomic<bool> has_work_{false};
  NamedThread thread_;
};

}  // namespace penstock::engine
