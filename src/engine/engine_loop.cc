#include "engine/engine_loop.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "engine/validate.h"

namespace penstock::engine {
namespace {

// How long an idle engine sleeps at most before it looks at its clock again.
constexpr Duration kIdleWait = std::chrono::seconds(1);

}  // namespace

EngineLoop::EngineLoop(EngineOptions options, std::unique_ptr<StepRunner> runner,
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
      ledger_(ledger) {}

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

void EngineLoop::clear_cache(std::uint64_t n) {
  mailbox_.post(ClearCommand{n});
}

EnginePulse EngineLoop::pulse() const {
  // The mailbox first: what leaves it in between is work already.
  const bool has_submits = mailbox_.has_submits();
  return {.num_steps = num_steps_.load(std::memory_order_relaxed),
          .num_echoes = num_echoes_.load(std::memory_order_relaxed),
          .has_work = has_submits || has_work_.load(std::memory_order_relaxed),
          .phase = phase_.load(std::memory_order_relaxed)};
}

void EngineLoop::run() {
  while (!mailbox_.is_closed()) {
    collect(scheduler_.has_work() ? Duration::zero() : kIdleWait);
    if (scheduler_.has_work()) step();
    publish();
  }
  collect(Duration::zero());
  end_all();
  publish();
}

void EngineLoop::collect(Duration max_wait) {
  std::vector<Command> commands = mailbox_.take(max_wait);
  if (!commands.empty()) has_work_.store(true, std::memory_order_relaxed);
  const PhaseTimer timer = in_phase(StepPhase::kCollect);
  for (Command& command : commands) {
    if (auto* request = std::get_if<EngineRequest>(&command)) {
      admit(std::move(*request));
    } else if (const auto* cancel = std::get_if<CancelCommand>(&command)) {
      cancel_now(*cancel);
    } else if (const auto* clear = std::get_if<ClearCommand>(&command)) {
      clear_now(*clear);
    } else {
      report_.echoes.push_back(std::get<PingCommand>(command).n);
      num_echoes_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  expire(clock_.now());
  has_work_.store(scheduler_.has_work(), std::memory_order_relaxed);
}

void EngineLoop::admit(EngineRequest request) {
  if (requests_.contains(request.handle)) {
    BUG("request {} was submitted twice", request.owner);
    return;
  }
  const Status valid = validate(
      request, {.vocab_size = runner_->vocab_size(), .context_length = options_.context_length});
  if (!valid) return refuse(request, FinishReason::kInvalid, valid.error().message());
  if (request.deadline <= clock_.now()) return refuse(request, FinishReason::kDeadline, "");

  LiveRequest& live = requests_.add(std::move(request));
  if (const Status scheduled = schedule_choices(live); !scheduled) {
    refuse(live.spec,
           scheduled.error().code() == ErrorCode::kInvalid ? FinishReason::kKvCapacity
                                                           : FinishReason::kOverloaded,
           scheduled.error().message());
    while (live.choices.size() > 1) requests_.remove(*live.choices.back());
    requests_.remove(*live.choices.back());
    return;
  }
  if (options_.trace == nullptr) return;
  for (const auto& choice : live.choices) {
    options_.trace->add(ChoiceArrived{.id = choice->id,
                                      .at = live.spec.arrival,
                                      .name = make_choice_name(live.spec.owner, choice->number)});
  }
}

// All choices or none.
Status EngineLoop::schedule_choices(LiveRequest& request) {
  const EngineRequest& asked = request.spec;
  const auto num_prompt = static_cast<std::uint32_t>(asked.prompt.size());
  const LiveChoice& leader = *request.choices.front();
  std::vector<TokenId> known = asked.prompt;
  for (std::size_t i = 0; i < request.choices.size(); ++i) {
    LiveChoice& choice = *request.choices[i];
    const std::vector<TokenId>& generated = asked.choices[i].generated;
    known.resize(num_prompt);
    known.insert(known.end(), generated.begin(), generated.end());
    sched::SequenceSpec spec;
    spec.id = choice.id;
    spec.token_ids = known;
    spec.max_tokens = num_prompt + asked.max_tokens - 1;  // the last token needs no KV
    spec.hash_seed = asked.hash_seed;
    spec.uses_cache =
        options_.prefix_caching && asked.uses_prefix_cache && asked.prompt_logprobs < 0;
    if (asked.prompt_logprobs >= 0 && i == 0) spec.num_logit_rows = num_prompt - 1;
    spec.tenant = asked.tenant;
    spec.weight = asked.weight;
    spec.strict_priority = asked.strict_priority;
    spec.priority = asked.priority;
    spec.migrations = asked.migrations;
    spec.arrival = asked.arrival;
    // What a migrated choice has already differs from the others': it starts on its own.
    if (i > 0 && generated.empty() && asked.choices[0].generated.empty()) {
      spec.fork_of = leader.id;
    }
    if (Status added = scheduler_.add(spec); !added) {
      for (std::size_t j = 0; j < i; ++j) scheduler_.finish(request.choices[j]->id);
      return added;
    }
    choice.sequence = &scheduler_.sequence(choice.id);
  }
  return {};
}

void EngineLoop::refuse(const EngineRequest& request, FinishReason reason,
                        const std::string& message) {
  for (const Choice& choice : request.choices) {
    ChoiceOutput& output = report_.outputs.emplace_back();
    output.handle = request.handle;
    output.choice = choice.number;
    output.finish = reason;
    output.message = message;
  }
  probe_.request_finished(reason, clock_.now() - request.arrival);
}

void EngineLoop::cancel_now(const CancelCommand& command) {
  LiveRequest* request = requests_.find(command.handle);
  if (request == nullptr) return;
  if (command.choice) {
    const auto at = std::ranges::find(request->choices, *command.choice,
                                      [](const auto& choice) { return choice->number; });
    if (at != request->choices.end()) finish(**at, FinishReason::kCancelled);
  } else {
    finish_all(*request, FinishReason::kCancelled);
  }
  probe_.cancelled(clock_.now() - command.asked_at);
}

// Engine invariant 1: the step before has committed, so no block is pending.
void EngineLoop::clear_now(const ClearCommand& command) {
  const std::uint32_t num_freed = options_.prefix_caching ? pool_.clear_cache() : 0;
  log_info("the prefix cache is cleared: {} blocks are free again", num_freed);
  report_.clears.push_back({.n = command.n, .num_freed = num_freed});
}

void EngineLoop::expire(MonotonicTime now) {
  for (LiveRequest* request : requests_.due(now)) finish_all(*request, FinishReason::kDeadline);
}

void EngineLoop::end_all() {
  for (LiveRequest* request : requests_.all()) finish_all(*request, FinishReason::kCancelled);
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
  output.position = static_cast<std::uint32_t>(choice.generated().size());
  return output;
}

void EngineLoop::enter(LiveChoice& choice, ChoicePhase phase, MonotonicTime at) {
  if (options_.trace != nullptr) {
    options_.trace->add(
        ChoiceMoved{.id = choice.id, .at = at, .from = choice.clock.phase(), .to = phase});
  }
  choice.clock.move_to(phase, at);
}

void EngineLoop::set_phases(const LiveChoice& choice, MonotonicTime now, ChoiceOutput& output) {
  output.queue_time = choice.clock.time_in(ChoicePhase::kQueue, now);
  output.prefill_time = choice.clock.time_in(ChoicePhase::kPrefill, now);
  output.decode_time = choice.clock.time_in(ChoicePhase::kDecode, now);
  output.preempted_time = choice.clock.time_in(ChoicePhase::kPreempted, now);
  output.num_steps = choice.num_steps;
  output.num_preemptions = choice.sequence->num_preemptions;
}

// The choice's end in log, trace and metrics.
void EngineLoop::record_end(LiveChoice& choice, const ChoiceOutput& output, MonotonicTime now) {
  LiveRequest& request = *choice.request;
  const std::size_t num_tokens = output.position + output.token_ids.size();
  log_debug(
      "request {} choice {}: {} after {} tokens, {} cached; queue {:.1f} ms, prefill {:.1f}, "
      "decode {:.1f}, preempted {:.1f} ({} times); {} steps",
      request.spec.owner, choice.number, to_string(output.finish), num_tokens,
      choice.sequence->num_cached, to_ms(output.queue_time), to_ms(output.prefill_time),
      to_ms(output.decode_time), to_ms(output.preempted_time), output.num_preemptions,
      output.num_steps);
  if (options_.trace != nullptr) {
    options_.trace->add(ChoiceEnded{.id = choice.id,
                                    .at = now,
                                    .from = choice.clock.phase(),
                                    .reason = output.finish,
                                    .num_output_tokens = static_cast<std::uint32_t>(num_tokens),
                                    .num_cached_tokens = choice.sequence->num_cached,
                                    .num_preemptions = output.num_preemptions,
                                    .num_steps = output.num_steps,
                                    .name = make_choice_name(request.spec.owner, choice.number)});
  }
  choice.clock.move_to(ChoicePhase::kEnded, now);
  if (!is_failure(request.outcome)) request.outcome = output.finish;
  if (request.choices.size() == 1) {
    probe_.request_finished(request.outcome, now - request.spec.arrival);
  }
}

void EngineLoop::finish(LiveChoice& choice, FinishReason reason, std::string message) {
  ChoiceOutput& output = output_of(choice);
  output.finish = reason;
  output.message = std::move(message);
  const MonotonicTime now = clock_.now();
  set_phases(choice, now, output);
  record_end(choice, output, now);
  scheduler_.finish(choice.id);
  requests_.remove(choice);
}

// The request goes with its last choice.
void EngineLoop::finish_all(LiveRequest& request, FinishReason reason) {
  for (std::size_t left = request.choices.size(); left > 0; --left) {
    finish(*request.choices[left - 1], reason);
  }
}

}  // namespace penstock::engine
