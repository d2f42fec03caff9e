// One step of the engine: what is computed, sampled and reported.
#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "engine/engine_loop.h"

namespace penstock::engine {
namespace {

constexpr double kStepDecay = 0.9;

bool holds(const std::vector<TokenId>& ids, TokenId id) {
  return std::ranges::find(ids, id) != ids.end();
}

// What the plan says of its step, added to what the clock said.
StepSlice slice_of(const sched::StepPlan& plan, StepSlice slice) {
  slice.num_tokens = plan.num_tokens;
  slice.num_decodes = plan.num_decodes;
  slice.num_prefill_chunks = static_cast<std::uint32_t>(plan.chunks.size()) - plan.num_decodes;
  slice.num_admitted = static_cast<std::uint32_t>(plan.admitted.size());
  slice.num_preempted = static_cast<std::uint32_t>(plan.preempted.size());
  slice.num_hit_tokens = plan.num_hit_tokens;
  return slice;
}

LoadSample sample_of(const EngineLoad& load, MonotonicTime now) {
  return {.at = now,
          .running = load.running,
          .waiting = load.waiting,
          .blocks_active = load.kv_blocks_active,
          .blocks_cached = load.kv_blocks_cached,
          .blocks_free = load.kv_blocks_total - load.kv_blocks_active - load.kv_blocks_cached};
}

}  // namespace

PhaseTimer EngineLoop::in_phase(StepPhase phase) {
  // The step is counted between commit and publish.
  const std::uint64_t step =
      num_steps_.load(std::memory_order_relaxed) + (phase == StepPhase::kPublish ? 0 : 1);
  return {phase_, phase, {.clock = clock_, .probe = probe_, .trace = options_.trace, .step = step}};
}

void EngineLoop::step() {
  const MonotonicTime begin = clock_.now();
  const sched::StepPlan& plan = schedule(begin);
  const Duration predicted = scheduler_.cost().predict(plan.work);
  prepare(plan, begin);
  forward(plan);
  sample(plan);
  const Duration elapsed = clock_.now() - begin;
  commit(plan, elapsed);
  observe(plan, elapsed);
  if (options_.trace != nullptr) {
    options_.trace->add(slice_of(plan, {.begin = begin,
                                        .end = clock_.now(),
                                        .predicted = predicted,
                                        .actual = elapsed,
                                        .step = num_steps_.load(std::memory_order_relaxed) + 1}));
  }
  num_steps_.fetch_add(1, std::memory_order_relaxed);
}

const sched::StepPlan& EngineLoop::schedule(MonotonicTime now) {
  const PhaseTimer timer = in_phase(StepPhase::kSchedule);
  return scheduler_.schedule(now);
}

void EngineLoop::forward(const sched::StepPlan& plan) {
  const PhaseTimer timer = in_phase(StepPhase::kForward);
  if (!plan.empty()) runner_->forward();
}

void EngineLoop::prepare(const sched::StepPlan& plan, MonotonicTime begin) {
  const PhaseTimer timer = in_phase(StepPhase::kPrepare);
  runner_->prepare(plan, scheduler_);
  move_clocks(plan, begin);
}

void EngineLoop::move_clocks(const sched::StepPlan& plan, MonotonicTime begin) {
  for (const sched::SequenceId id : plan.preempted) {
    enter(requests_.choice(id), ChoicePhase::kPreempted, begin);
  }
  for (const sched::ScheduledChunk& chunk : plan.chunks) {
    LiveChoice& choice = requests_.choice(chunk.id);
    ++choice.num_steps;
    const ChoicePhase phase = choice.clock.phase();
    if (phase == ChoicePhase::kQueue || phase == ChoicePhase::kPreempted) {
      enter(choice, choice.has_token ? ChoicePhase::kDecode : ChoicePhase::kPrefill, begin);
    }
  }
}

void EngineLoop::sample(const sched::StepPlan& plan) {
  const PhaseTimer timer = in_phase(StepPhase::kSample);
  sampled_.clear();
  for (std::size_t i = 0; i < plan.chunks.size(); ++i) {
    if (!plan.chunks[i].samples) continue;
    sampled_.push_back(sample_choice(requests_.choice(plan.chunks[i].id), i));
  }
}

Result<SampledToken> EngineLoop::sample_choice(const LiveChoice& choice, std::size_t chunk) {
  return runner_->sample(chunk, {.request = choice.request->spec,
                                 .logits = choice.logits,
                                 .generated = choice.generated(),
                                 .choice_number = choice.number});
}

// A NaN among the logits of a prompt shows in its log-probabilities first.
bool EngineLoop::has_broken_prompt(const LiveRequest& request) {
  return std::ranges::any_of(request.prompt_logprobs,
                             [](const TokenLogprobs& entry) { return std::isnan(entry.logprob); });
}

void EngineLoop::commit(const sched::StepPlan& plan, Duration elapsed) {
  const PhaseTimer timer = in_phase(StepPhase::kCommit);
  const std::span<const sched::ScheduledFork> forks = scheduler_.commit(elapsed);
  // Before any block is given back or written again, and while the leaders live.
  for (const sched::ScheduledFork& fork : forks) {
    if (fork.copy) runner_->copy_block(*fork.copy);
    LiveChoice& choice = requests_.choice(fork.id);
    // Its prompt was computed as the leader's.
    const PhaseClock& leader = requests_.choice(plan.chunks[fork.chunk].id).clock;
    enter(choice, ChoicePhase::kPrefill,
          choice.request->spec.arrival + leader.time_in(ChoicePhase::kQueue, leader.since()));
    choice.num_steps = 1;
  }
  keep_prompt_logprobs(plan);
  std::size_t next_sample = 0;
  for (std::size_t i = 0; i < plan.chunks.size(); ++i) {
    if (!plan.chunks[i].samples) continue;
    accept(requests_.choice(plan.chunks[i].id), std::move(sampled_[next_sample++]));
  }
  for (const sched::ScheduledFork& fork : forks) {
    LiveChoice& choice = requests_.choice(fork.id);
    accept(choice, sample_choice(choice, fork.chunk));
  }
}

void EngineLoop::keep_prompt_logprobs(const sched::StepPlan& plan) {
  for (std::size_t i = 0; i < plan.chunks.size(); ++i) {
    const sched::ScheduledChunk& chunk = plan.chunks[i];
    const std::uint32_t num_wanted = scheduler_.sequence(chunk.id).num_logit_rows;
    if (chunk.first_position >= num_wanted) continue;
    LiveRequest& request = *requests_.choice(chunk.id).request;
    const std::uint32_t end = std::min(chunk.first_position + chunk.num_tokens, num_wanted);
    // What a preempted request had already is computed again, to the same bits.
    for (auto at = static_cast<std::uint32_t>(request.prompt_logprobs.size()); at < end; ++at) {
      request.prompt_logprobs.push_back(runner_->prompt_logprobs(
          i, at - chunk.first_position, request.spec.prompt[at + 1], request.spec.prompt_logprobs));
    }
  }
}

void EngineLoop::accept(LiveChoice& choice, Result<SampledToken> sampled) {
  LiveRequest& request = *choice.request;
  const EngineRequest& spec = request.spec;
  if (!sampled) {
    // What the request's own settings make impossible is the asker's to mend; a NaN is not.
    const bool is_asked_for = sampled.error().code() == ErrorCode::kInvalid;
    if (!is_asked_for) log_error("request {}: {}", spec.owner, sampled.error().message());
    finish(choice, is_asked_for ? FinishReason::kInvalid : FinishReason::kInternal,
           sampled.error().message());
    return;
  }
  if (has_broken_prompt(request)) {
    constexpr const char* kBroken = "the model's logits of the prompt contain NaN";
    log_error("request {}: {}", spec.owner, kBroken);
    finish(choice, FinishReason::kInternal, kBroken);
    return;
  }
  const TokenId id = sampled->id;
  ChoiceOutput& output = output_of(choice);
  if (!std::exchange(choice.has_token, true)) {
    const MonotonicTime now = clock_.now();
    enter(choice, ChoicePhase::kDecode, now);
    set_phases(choice, now, output);
    probe_.first_token(output.queue_time);
    if (!std::exchange(request.has_output, true)) probe_.first_response(now - spec.arrival);
    output.cached_tokens = choice.sequence->num_cached;
    output.prompt_logprobs = std::exchange(request.prompt_logprobs, {});
  }
  output.token_ids.push_back(id);
  if (spec.logprobs >= 0) output.logprobs.push_back(std::move(sampled->logprobs));
  choice.logits.accept(id);

  const std::size_t num_generated = choice.generated().size() + 1;
  const bool stops_sleep = num_generated <= spec.min_tokens;
  const bool is_eos = !spec.ignore_eos && holds(spec.eos_token_ids, id);
  const bool is_stop = !stops_sleep && holds(spec.stop_token_ids, id);
  if (is_eos || is_stop) {
    output.stop_token_id = id;
    finish(choice, FinishReason::kStop);
  } else if (num_generated >= spec.max_tokens) {
    finish(choice, FinishReason::kLength);
  } else {
    scheduler_.append_token(choice.id, id);
  }
}

void EngineLoop::observe(const sched::StepPlan& plan, Duration elapsed) {
  if (plan.empty()) return;
  const std::uint32_t num_prefill = plan.num_tokens - plan.num_decodes;
  probe_.step_done(num_prefill, plan.num_decodes);
  probe_.preempted(plan.preempted.size());
  probe_.prefix_queried(plan.num_queried_tokens, plan.num_hit_tokens);
  const double us = static_cast<double>(elapsed.count()) * 1e-3;
  step_us_ = step_us_ == 0 ? us : step_us_ * kStepDecay + us * (1 - kStepDecay);
  if (num_prefill > plan.num_decodes) {
    const double rate = num_prefill / (us * 1e-6);
    prefill_tokens_per_s_ = prefill_tokens_per_s_ == 0
                                ? rate
                                : prefill_tokens_per_s_ * kStepDecay + rate * (1 - kStepDecay);
  }
}

EngineLoad EngineLoop::load() const {
  const sched::SchedulerCounts counts = scheduler_.counts();
  return {.running = counts.running,
          .waiting = counts.waiting,
          .active_prefill_tokens = counts.uncomputed_prompt_tokens,
          .kv_blocks_total = pool_.num_blocks(),
          .kv_blocks_active = counts.blocks_active,
          .kv_blocks_cached = counts.blocks_cached,
          .kv_blocks_waiting = counts.blocks_waiting,
          .preemptions = scheduler_.num_preemptions(),
          .step_us = step_us_,
          .prefill_tokens_per_s = prefill_tokens_per_s_};
}

void EngineLoop::publish() {
  const PhaseTimer timer = in_phase(StepPhase::kPublish);
  has_work_.store(scheduler_.has_work(), std::memory_order_relaxed);
  if (pool_.num_active() == 0) {
    blocks_entry_.release();
  } else if (blocks_entry_) {
    blocks_entry_.set_count(pool_.num_active());
  } else {
    blocks_entry_ = ledger_.hold(LedgerKind::kBlocks, "engine", pool_.num_active());
  }
  report_.load = load();
  report_.kv_events = pool_.cache().take_events();
  probe_.load_is(report_.load, requests_.size());
  probe_.kv_events_made(report_.kv_events);
  if (options_.trace != nullptr) options_.trace->add(sample_of(report_.load, clock_.now()));
  const std::uint64_t num_evicted = pool_.cache().num_evicted();
  probe_.blocks_evicted(num_evicted - std::exchange(num_evicted_, num_evicted));
  const bool has_answers =
      !report_.outputs.empty() || !report_.echoes.empty() || !report_.clears.empty();
  if (!has_answers && report_.kv_events.empty()) return;
  report_.step = num_steps_.load(std::memory_order_relaxed);
  sink_(std::exchange(report_, {}));
}

}  // namespace penstock::engine
