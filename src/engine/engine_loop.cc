#include "engine/engine_loop.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"

namespace penstock::engine {
namespace {

// How long an idle engine sleeps at most before it looks at its clock again.
constexpr Duration kIdleWait = std::chrono::seconds(1);
// Step target while nothing decodes: long enough for large chunks, short enough that a cancel or
// a new request waits no longer than a person notices.
constexpr Duration kPrefillOnlyTarget = std::chrono::milliseconds(200);
// Least prompt tokens per step, so that a prompt makes progress beside any number of decodes.
constexpr std::uint32_t kMinChunkTokens = 16;
// The first step's budget, before anything was measured.
constexpr std::uint32_t kFirstStepTokens = 256;
constexpr double kStepDecay = 0.9;

bool holds(const std::vector<TokenId>& ids, TokenId id) {
  return std::ranges::find(ids, id) != ids.end();
}

}  // namespace

// Marks the phase the engine is in and measures it.
class EngineLoop::PhaseTimer final {
 public:
  PhaseTimer(EngineLoop& engine, StepPhase phase)
      : engine_(engine), phase_(phase), begin_(engine.clock_.now()) {
    engine_.phase_.store(phase, std::memory_order_relaxed);
  }
  ~PhaseTimer() { engine_.probe_.phase_done(phase_, engine_.clock_.now() - begin_); }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  EngineLoop& engine_;
  StepPhase phase_;
  MonotonicTime begin_;
};

EngineLoop::EngineLoop(EngineOptions options, std::unique_ptr<ModelRunner> runner,
                       const Clock& clock, Ledger& ledger, EngineProbe probe, StepSink sink)
    : options_(options),
      clock_(clock),
      probe_(probe),
      sink_(std::move(sink)),
      mailbox_(options.limits.max_waiting),
      runner_(std::move(runner)),
      pool_(options.num_blocks, options.limits.block_size),
      scheduler_(options.limits, pool_),
      requests_(ledger),
      sampler_(runner_->vocab_size()),
      ledger_(ledger),
      row_(runner_->vocab_size()) {}

EngineLoop::~EngineLoop() {
  CHECK(!thread_.joinable(), "stop() the engine before it goes");
}

void EngineLoop::start() {
  thread_ = NamedThread("engine", [this] { run(); });
}

void EngineLoop::stop() {
  mailbox_.close();
  if (thread_.joinable()) thread_.join();
}

bool EngineLoop::submit(EngineRequest&& request) {
  return mailbox_.post_submit(std::move(request));
}

void EngineLoop::cancel(RequestHandle handle, std::optional<std::uint32_t> choice) {
  mailbox_.post(CancelCommand{handle, choice, clock_.now()});
}

void EngineLoop::ping(std::uint64_t n) {
  mailbox_.post(PingCommand{n});
}

void EngineLoop::run() {
  while (!mailbox_.is_closed()) step();
  collect(Duration::zero());
  end_all();
  publish();
}

void EngineLoop::step() {
  collect(scheduler_.has_work() ? Duration::zero() : kIdleWait);
  if (scheduler_.has_work()) {
    const sched::StepPlan* plan = nullptr;
    {
      const PhaseTimer timer(*this, StepPhase::kSchedule);
      plan = &scheduler_.schedule(budget());
    }
    const MonotonicTime begin = clock_.now();
    {
      const PhaseTimer timer(*this, StepPhase::kPrepare);
      runner_->prepare(*plan, scheduler_, requests_);
      for (const sched::ScheduledChunk& chunk : plan->chunks) {
        LiveChoice& choice = requests_.choice(chunk.id);
        if (!choice.first_planned) choice.first_planned = begin;
        ++choice.num_steps;
      }
    }
    {
      const PhaseTimer timer(*this, StepPhase::kForward);
      if (!plan->empty()) runner_->forward();
    }
    sample(*plan);
    commit(*plan);
    observe(*plan, clock_.now() - begin);
    num_steps_.fetch_add(1, std::memory_order_relaxed);
  }
  publish();
}

void EngineLoop::collect(Duration max_wait) {
  std::vector<Command> commands = mailbox_.take(max_wait);
  const PhaseTimer timer(*this, StepPhase::kCollect);
  for (Command& command : commands) {
    if (auto* request = std::get_if<EngineRequest>(&command)) {
      admit(std::move(*request));
    } else if (const auto* cancel = std::get_if<CancelCommand>(&command)) {
      cancel_now(*cancel);
    } else {
      report_.echoes.push_back(std::get<PingCommand>(command).n);
    }
  }
  expire(clock_.now());
  has_work_.store(scheduler_.has_work(), std::memory_order_relaxed);
}

Status EngineLoop::validate(const EngineRequest& request) const {
  const std::uint32_t vocab_size = runner_->vocab_size();
  if (request.prompt.empty()) return make_error(ErrorCode::kInvalid, "the prompt has no tokens");
  if (request.choices.empty()) return make_error(ErrorCode::kInvalid, "no choice is asked for");
  if (request.prompt.size() >= options_.context_length) {
    return make_error(ErrorCode::kInvalid,
                      "the prompt has {} tokens; with the context of {} at most {} leave room for "
                      "an answer",
                      request.prompt.size(), options_.context_length, options_.context_length - 1);
  }
  if (request.max_tokens == 0 ||
      request.prompt.size() + request.max_tokens > options_.context_length) {
    return make_error(ErrorCode::kInvalid,
                      "prompt ({} tokens) and max_tokens ({}) must be within the context of {}, "
                      "with max_tokens at least 1",
                      request.prompt.size(), request.max_tokens, options_.context_length);
  }
  const auto is_unknown = [vocab_size](TokenId id) { return id >= vocab_size; };
  const auto check_ids = [&](const std::vector<TokenId>& ids) -> Status {
    if (const auto bad = std::ranges::find_if(ids, is_unknown); bad != ids.end()) {
      return make_error(ErrorCode::kInvalid, "token id {} is not below the vocabulary size {}",
                        *bad, vocab_size);
    }
    return {};
  };
  RETURN_IF_ERROR(check_ids(request.prompt));
  for (const Choice& choice : request.choices) {
    RETURN_IF_ERROR(check_ids(choice.generated));
    if (choice.generated.size() >= request.max_tokens) {
      return make_error(ErrorCode::kInvalid, "choice {} has all of its {} tokens already",
                        choice.number, request.max_tokens);
    }
  }
  for (const auto& [id, bias] : request.logit_bias) {
    if (is_unknown(id)) {
      return make_error(ErrorCode::kInvalid,
                        "logit_bias names token {}, the vocabulary has {} tokens", id, vocab_size);
    }
  }
  return {};
}

void EngineLoop::admit(EngineRequest request) {
  if (requests_.contains(request.handle)) {
    BUG("request {} was submitted twice", request.owner);
    return;
  }
  if (const Status valid = validate(request); !valid) {
    refuse(request, FinishReason::kInvalid, valid.error().message());
    return;
  }
  if (request.deadline <= clock_.now()) {
    refuse(request, FinishReason::kDeadline, "");
    return;
  }
  LiveRequest& live = requests_.add(std::move(request));
  std::optional<sched::SequenceId> leader;
  for (std::size_t i = 0; i < live.choices.size(); ++i) {
    const LiveChoice& choice = *live.choices[i];
    const auto num_prompt = static_cast<std::uint32_t>(live.spec.prompt.size());
    sched::SequenceSpec spec;
    spec.id = choice.id;
    spec.num_known_tokens = num_prompt + static_cast<std::uint32_t>(choice.generated.size());
    spec.max_tokens = num_prompt + live.spec.max_tokens - 1;  // the last token needs no KV
    spec.strict_priority = live.spec.strict_priority;
    spec.priority = live.spec.priority;
    spec.migrations = live.spec.migrations;
    spec.arrival = live.spec.arrival;
    if (leader) {
      spec.shared_prompt = sched::SharedPrompt{.with = *leader, .num_tokens = num_prompt};
    }
    if (const Status added = scheduler_.add(spec); !added) {
      // All choices or none: what was queued of this request leaves again.
      for (std::size_t j = 0; j < i; ++j) scheduler_.finish(live.choices[j]->id);
      refuse(live.spec,
             added.error().code() == ErrorCode::kInvalid ? FinishReason::kKvCapacity
                                                         : FinishReason::kOverloaded,
             added.error().message());
      while (live.choices.size() > 1) requests_.remove(*live.choices.back());
      requests_.remove(*live.choices.back());
      return;
    }
    if (!leader) leader = choice.id;
  }
}

void EngineLoop::refuse(const EngineRequest& request, FinishReason reason,
                        const std::string& message) {
  for (const Choice& choice : request.choices) {
    ChoiceOutput& output = report_.outputs.emplace_back();
    output.handle = request.handle;
    output.choice = choice.number;
    output.finish = reason;
    output.message = message;
    probe_.choice_finished(reason, clock_.now() - request.arrival);
  }
}

void EngineLoop::cancel_now(const CancelCommand& command) {
  LiveRequest* request = requests_.find(command.handle);
  if (request == nullptr) return;
  // The request goes with its last choice, so the list is copied before any is ended.
  std::vector<LiveChoice*> choices;
  for (const auto& choice : request->choices) {
    if (!command.choice || choice->number == *command.choice) choices.push_back(choice.get());
  }
  for (LiveChoice* choice : choices) finish(*choice, FinishReason::kCancelled);
  probe_.cancelled(clock_.now() - command.asked_at);
}

void EngineLoop::expire(MonotonicTime now) {
  for (const LiveRequest* request : requests_.due(now)) {
    std::vector<LiveChoice*> choices;
    for (const auto& choice : request->choices) choices.push_back(choice.get());
    for (LiveChoice* choice : choices) finish(*choice, FinishReason::kDeadline);
  }
}

void EngineLoop::end_all() {
  for (const LiveRequest* request : requests_.all()) {
    cancel_now({request->spec.handle, std::nullopt, clock_.now()});
  }
}

sched::StepBudget EngineLoop::budget() const {
  if (!cost_.has_observations()) return {.max_tokens = kFirstStepTokens};
  const std::uint32_t num_decodes = scheduler_.counts().decoding;
  Duration target = kPrefillOnlyTarget;
  if (num_decodes > 0) target = options_.itl_target.value_or(cost_.predict(num_decodes) * 3 / 2);
  return {.max_tokens = std::max(num_decodes + kMinChunkTokens, cost_.tokens_within(target))};
}

void EngineLoop::sample(const sched::StepPlan& plan) {
  const PhaseTimer timer(*this, StepPhase::kSample);
  sampled_.clear();
  for (const sched::ScheduledChunk& chunk : plan.chunks) {
    if (!chunk.samples) continue;
    sampled_.push_back(
        sample_choice(requests_.choice(chunk.id), runner_->sampled_row(sampled_.size())));
  }
}

Result<TokenId> EngineLoop::sample_choice(LiveChoice& choice, std::span<const float> row) {
  const EngineRequest& spec = choice.request->spec;
  const bool masks_eos = !spec.ignore_eos && choice.generated.size() < spec.min_tokens;
  if (choice.history || masks_eos || !spec.logit_bias.empty()) {
    std::ranges::copy(row, row_.begin());
    if (choice.history) choice.history->apply_penalties(spec.sampling, row_);
    add_bias(spec.logit_bias, row_);
    if (masks_eos) mask_tokens(spec.eos_token_ids, row_);
    row = row_;
  }
  return sampler_.sample(row, spec.sampling,
                         {.output_index = static_cast<std::uint32_t>(choice.generated.size()),
                          .choice_number = choice.number});
}

void EngineLoop::commit(const sched::StepPlan& plan) {
  const PhaseTimer timer(*this, StepPhase::kCommit);
  scheduler_.commit();
  std::size_t sample_index = 0;
  for (const sched::ScheduledChunk& chunk : plan.chunks) {
    if (chunk.samples) accept_token(requests_.choice(chunk.id), sample_index++);
  }
}

void EngineLoop::accept_token(LiveChoice& choice, std::size_t sample_index) {
  const Result<TokenId>& sampled = sampled_[sample_index];
  if (!sampled) {
    log_error("request {}: {}", choice.request->spec.owner, sampled.error().message());
    finish(choice, FinishReason::kInternal, sampled.error().message());
    return;
  }
  const EngineRequest& spec = choice.request->spec;
  const TokenId id = *sampled;
  ChoiceOutput& output = output_of(choice);
  if (!choice.first_token) {
    choice.first_token = clock_.now();
    probe_.first_token(*choice.first_planned - spec.arrival, *choice.first_token - spec.arrival);
    set_phases(choice, *choice.first_token, output);
  }
  output.token_ids.push_back(id);
  if (spec.logprobs >= 0) {
    output.logprobs.push_back(
        token_logprobs(runner_->sampled_row(sample_index), id, spec.logprobs));
  }
  choice.generated.push_back(id);
  if (choice.history) choice.history->add_generated(id);

  const bool stops_sleep = choice.generated.size() <= spec.min_tokens;
  const bool is_eos = !spec.ignore_eos && holds(spec.eos_token_ids, id);
  const bool is_stop = !stops_sleep && holds(spec.stop_token_ids, id);
  if (is_eos || is_stop) {
    output.stop_token_id = id;
    finish(choice, FinishReason::kStop);
  } else if (choice.generated.size() >= spec.max_tokens) {
    finish(choice, FinishReason::kLength);
  } else {
    scheduler_.append_token(choice.id);
  }
}

// The choice's entry of this step's report, made at first use.
ChoiceOutput& EngineLoop::output_of(LiveChoice& choice) {
  const RequestHandle handle = choice.request->spec.handle;
  if (!report_.outputs.empty()) {
    ChoiceOutput& last = report_.outputs.back();
    if (last.handle == handle && last.choice == choice.number) return last;
  }
  ChoiceOutput& output = report_.outputs.emplace_back();
  output.handle = handle;
  output.choice = choice.number;
  output.position = static_cast<std::uint32_t>(choice.generated.size());
  return output;
}

// How long the choice was in each phase so far.
void EngineLoop::set_phases(const LiveChoice& choice, MonotonicTime now, ChoiceOutput& output) {
  const MonotonicTime planned = choice.first_planned.value_or(now);
  output.queue_time = planned - choice.request->spec.arrival;
  output.prefill_time = choice.first_token.value_or(now) - planned;
  output.num_steps = choice.num_steps;
}

void EngineLoop::finish(LiveChoice& choice, FinishReason reason, std::string message) {
  ChoiceOutput& output = output_of(choice);
  output.finish = reason;
  output.message = std::move(message);
  const MonotonicTime now = clock_.now();
  set_phases(choice, now, output);
  probe_.choice_finished(reason, now - choice.request->spec.arrival);
  scheduler_.finish(choice.id);
  requests_.remove(choice);
}

void EngineLoop::observe(const sched::StepPlan& plan, Duration elapsed) {
  if (plan.empty()) return;
  cost_.observe(plan.num_tokens, elapsed);
  const std::uint32_t num_prefill = plan.num_tokens - plan.num_decodes;
  probe_.step_done(num_prefill, plan.num_decodes);
  probe_.preempted(plan.preempted.size());
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
          .kv_blocks_waiting = counts.blocks_waiting,
          .step_us = step_us_,
          .prefill_tokens_per_s = prefill_tokens_per_s_};
}

void EngineLoop::publish() {
  const PhaseTimer timer(*this, StepPhase::kPublish);
  has_work_.store(scheduler_.has_work(), std::memory_order_relaxed);
  if (pool_.num_active() == 0) {
    blocks_entry_.release();
  } else if (blocks_entry_) {
    blocks_entry_.set_count(pool_.num_active());
  } else {
    blocks_entry_ = ledger_.hold(LedgerKind::kBlocks, "engine", pool_.num_active());
  }
  report_.load = load();
  probe_.load_is(report_.load, requests_.size());
  if (report_.outputs.empty() && report_.echoes.empty()) return;
  report_.step = num_steps_.load(std::memory_order_relaxed);
  sink_(std::exchange(report_, {}));
}

}  // namespace penstock::engine
