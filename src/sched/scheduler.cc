#include "sched/scheduler.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace penstock::sched {
namespace {

using kv::BlockTable;

// The first step's prompt tokens, before anything was measured.
constexpr std::uint32_t kFirstStepTokens = 256;
// Prompts in progress at once: each holds blocks without producing anything.
constexpr std::uint32_t kMaxPartialPrompts = 8;
// A preemption means that too many were let in: the next ones find more blocks kept back for those
// that run, until some hundred steps without one.
constexpr double kMinHeadroom = 0.1;
constexpr double kMaxHeadroom = 64;
constexpr double kHeadroomDecay = 0.98;
constexpr double kHeadroomPerPreemption = 0.2;

// Bands as admitted, then arrival less the priority's seconds.
bool is_more_deserving(const Sequence* a, const Sequence* b) {
  return std::tuple(~a->band, a->rank, a->id) < std::tuple(~b->band, b->rank, b->id);
}

}  // namespace

Scheduler::Scheduler(const SchedulerLimits& limits, kv::BlockPool& pool)
    : limits_(limits), pool_(pool), waiting_(limits.ageing), headroom_blocks_(kMinHeadroom) {
  CHECK(limits.block_size > 0 && limits.max_running > 0 && limits.max_step_tokens > 0);
}

Status Scheduler::add(const SequenceSpec& spec) {
  const std::size_t num_known = spec.token_ids.size();
  CHECK(num_known > 0 && spec.max_tokens >= num_known);
  CHECK(!sequences_.contains(spec.id), "sched invariant 2: sequence {} is known", spec.id.value());
  const std::uint64_t need = BlockTable::blocks_for(spec.max_tokens, limits_.block_size);
  if (need > pool_.num_blocks()) {
    return make_error(ErrorCode::kInvalid,
                      "the request needs {} KV blocks of {} tokens (prompt and max_tokens), the "
                      "pool has {}; shorten the prompt or lower max_tokens",
                      need, limits_.block_size, pool_.num_blocks());
  }
  if (waiting_.size() >= limits_.max_waiting && spec.migrations == 0) {
    return make_error(ErrorCode::kResourceExhausted,
                      "{} sequences are waiting already; the limit is {}", waiting_.size(),
                      limits_.max_waiting);
  }
  CHECK(!spec.fork_of || sequences_.contains(*spec.fork_of));
  Tenant& tenant = shares_.enter(spec.tenant, spec.weight);
  SequenceBlocks blocks(pool_,
                        {.block_size = limits_.block_size,
                         .seed = spec.hash_seed,
                         .expected_tokens = spec.max_tokens},
                        spec.uses_cache, spec.token_ids);
  Sequence& sequence =
      sequences_.try_emplace(spec.id, spec, std::move(blocks), tenant).first->second;
  waiting_.add(sequence);
  num_forks_waiting_ += sequence.fork_of ? 1 : 0;
  return {};
}

const StepPlan& Scheduler::schedule(MonotonicTime now) {
  CHECK(!plan_open_, "sched invariant 3: the last plan was neither committed nor abandoned");
  plan_.chunks.clear();
  plan_.admitted.clear();
  plan_.preempted.clear();
  plan_.num_tokens = plan_.num_decodes = plan_.num_logit_rows = 0;
  plan_.num_queried_tokens = plan_.num_hit_tokens = 0;
  plan_.work = {};
  hit_takers_.clear();
  prompt_rows_ = prompt_logit_rows_ = 0;
  headroom_blocks_ = std::max(kMinHeadroom, headroom_blocks_ * kHeadroomDecay);

  plan_decodes();
  target_ = plan_.num_decodes == 0 ? limits_.prefill_only_target
                                   : limits_.itl_target.value_or(cost_.predict(plan_.work) * 3 / 2);
  plan_running_prompts();
  // A sequence that gave way in this step must not come back in it and take the same blocks.
  if (plan_.preempted.empty()) plan_waiting(now);
  extend_chunks();
  plan_open_ = true;
  return plan_;
}

// Each costs one token, and none may be starved by a prompt.
void Scheduler::plan_decodes() {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    if (sequence.is_decoding() && make_room(sequence, 1)) plan_chunk(sequence, 1);
  }
}

void Scheduler::plan_running_prompts() {
  std::uint32_t num_left = num_running_prompts() + waiting_.size() - num_forks_waiting_;
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    if (sequence.is_decoding()) continue;
    if (sequence.blocks.take_hits() > 0) hit_takers_.push_back(&sequence);
    const std::uint32_t num_tokens = chunk_tokens(sequence, --num_left > 0);
    if (num_tokens > 0 && make_room(sequence, num_tokens)) plan_chunk(sequence, num_tokens);
  }
}

void Scheduler::plan_waiting(MonotonicTime now) {
  std::uint32_t num_partial = num_running_prompts();
  while (running_.size() < limits_.max_running && num_partial < kMaxPartialPrompts) {
    Sequence* const next = waiting_.best(now);
    if (next == nullptr || affordable_tokens(0) == 0) return;
    const std::uint32_t num_hit = next->blocks.take_hits();
    const bool shares_step = waiting_.size() - num_forks_waiting_ > 1;
    const std::uint32_t num_tokens = chunk_tokens(*next, shares_step);
    // Running sequences never give way to a waiting one; it stays the next.
    if (num_tokens == 0 || !has_room_to_start(*next)) {
      next->blocks.release();
      return;
    }
    CHECK(next->blocks.grow_to(next->num_computed() + num_tokens));
    plan_.num_queried_tokens += next->num_known();
    plan_.num_hit_tokens += num_hit;
    if (!next->has_started) {
      next->num_cached = num_hit;
      FairShare::charge(*next->tenant, next->num_known() - num_hit);
    }
    start_running(*next, waiting_.band_of(*next, now));
    plan_.admitted.push_back(next->id);
    if (num_hit > 0) hit_takers_.push_back(next);
    plan_chunk(*next, num_tokens);
    if (next->num_uncomputed() > num_tokens) ++num_partial;
  }
}

// Time that later prompts left over goes to the first ones.
void Scheduler::extend_chunks() {
  for (ScheduledChunk& chunk : plan_.chunks) {
    if (chunk.samples) continue;
    Sequence& sequence = find(chunk.id);
    const std::uint32_t end = chunk.first_position + chunk.num_tokens;
    // A batch-mate computes what comes next: it will be a hit in the next step.
    if (sequence.blocks.has_hit_at(end) || sequence.num_logit_rows > 0) continue;
    std::uint32_t more = std::min(affordable_tokens(end), sequence.num_known() - end);
    if (end + more < sequence.num_known())
      more -= std::min(more, (end + more) % limits_.block_size);
    if (more == 0 || !sequence.blocks.grow_to(end + more)) continue;
    plan_.work.add(end, more);
    chunk.num_tokens += more;
    chunk.samples = end + more == sequence.num_known();
    plan_.num_tokens += more;
    plan_.num_logit_rows += chunk.samples ? 1 : 0;
    prompt_rows_ += more;
    sequence.blocks.announce(end + more);
  }
}

// Tokens from `first_position` on that fit what is left of the step.
std::uint32_t Scheduler::affordable_tokens(std::uint32_t first_position) const {
  const std::uint32_t room =
      limits_.max_step_tokens > plan_.num_tokens ? limits_.max_step_tokens - plan_.num_tokens : 0;
  const std::uint32_t in_time = cost_.has_observations()
                                    ? cost_.tokens_within(target_, plan_.work, first_position)
                                    : kFirstStepTokens - std::min(kFirstStepTokens, prompt_rows_);
  const std::uint32_t minimum =
      limits_.min_chunk_tokens - std::min(limits_.min_chunk_tokens, prompt_rows_);
  return std::min(room, std::max(in_time, minimum));
}

// The next chunk of a prompt; with `shares_step` others wait for their part of this step. Chunks
// end where blocks do, if they can: whole blocks can be shared at once, and tiles are full.
std::uint32_t Scheduler::chunk_tokens(const Sequence& sequence, bool shares_step) const {
  const std::uint32_t first = sequence.num_computed();
  std::uint32_t most = affordable_tokens(first);
  if (first < sequence.num_logit_rows) {
    most = std::min(most, limits_.max_prompt_logit_rows - prompt_logit_rows_);
  }
  most = std::min(most, sequence.num_uncomputed());
  const std::uint32_t block_size = limits_.block_size;
  if (shares_step) {
    const std::uint32_t part = std::max(affordable_tokens(first) / 2, limits_.min_chunk_tokens);
    const std::uint32_t block_end = (first + part + block_size - 1) / block_size * block_size;
    most = std::min(most, block_end - first);
  }
  const std::uint32_t excess = (first + most) % block_size;
  return most < sequence.num_uncomputed() && most > excess ? most - excess : most;
}

void Scheduler::plan_chunk(Sequence& sequence, std::uint32_t num_tokens) {
  const std::uint32_t first = sequence.num_computed();
  const std::uint32_t end = first + num_tokens;
  const bool samples = end == sequence.num_known();
  plan_.chunks.push_back({sequence.id, first, num_tokens, samples});
  plan_.num_tokens += num_tokens;
  plan_.work.add(first, num_tokens);
  if (first < sequence.num_logit_rows) {
    prompt_logit_rows_ += num_tokens;
    plan_.num_logit_rows += num_tokens;
  } else {
    plan_.num_logit_rows += samples ? 1 : 0;
  }
  if (sequence.is_decoding()) {
    ++plan_.num_decodes;
  } else {
    prompt_rows_ += num_tokens;
    sequence.blocks.announce(end);
  }
}

// Blocks for `num_tokens` more, taken from less deserving sequences if need be. False when the
// sequence itself had to give way.
bool Scheduler::make_room(Sequence& sequence, std::uint32_t num_tokens) {
  while (!sequence.blocks.grow_to(sequence.num_computed() + num_tokens)) {
    Sequence& last = *running_.back();
    // Prompts are planned in order, so of the less deserving only a decode can be planned already.
    if (&last != &sequence) unplan(last.id);
    preempt(last);
    if (&last == &sequence) return false;
  }
  return true;
}

void Scheduler::unplan(SequenceId id) {
  const auto at = std::ranges::find(plan_.chunks, id, &ScheduledChunk::id);
  if (at == plan_.chunks.end()) return;
  CHECK(at->num_tokens == 1, "sched invariant 6: a planned prompt gives way");
  StepWork undone;
  undone.add(at->first_position, at->num_tokens);
  plan_.work.rows -= undone.rows;
  plan_.work.attended -= undone.attended;
  --plan_.num_tokens;
  --plan_.num_decodes;
  --plan_.num_logit_rows;
  plan_.chunks.erase(at);
}

void Scheduler::preempt(Sequence& sequence) {
  stop_running(sequence);
  ++sequence.num_preemptions;
  ++num_preemptions_;
  headroom_blocks_ = std::min(kMaxHeadroom, headroom_blocks_ + kHeadroomPerPreemption);
  plan_.preempted.push_back(sequence.id);
}

void Scheduler::stop_running(Sequence& sequence) {
  std::erase(running_, &sequence);
  sequence.blocks.release();
  sequence.move_to(SequenceState::kWaiting);
  waiting_.add(sequence);
}

void Scheduler::start_running(Sequence& sequence, std::uint32_t band) {
  sequence.band = band;
  sequence.has_started = true;
  waiting_.remove(sequence);
  sequence.move_to(SequenceState::kRunning);
  running_.insert(std::ranges::upper_bound(running_, &sequence, is_more_deserving), &sequence);
}

// Room for all it knows, not only for this chunk, beside what the prompts in progress still need
// and what the others will grow by: else somebody would be preempted right away.
bool Scheduler::has_room_to_start(const Sequence& sequence) const {
  double need = sequence.blocks.missing_for(sequence.num_known());
  for (const Sequence* other : running_) need += other->blocks.missing_for(other->num_known());
  need += headroom_blocks_ * static_cast<double>(running_.size());
  return need <= pool_.num_available();
}

std::span<const ScheduledFork> Scheduler::commit(Duration elapsed) {
  CHECK(plan_open_, "sched invariant 3: no plan to commit");
  plan_open_ = false;
  if (!plan_.empty()) cost_.observe(plan_.work, elapsed);
  forks_.clear();
  for (const ScheduledChunk& chunk : plan_.chunks) find(chunk.id).blocks.commit_announced();
  for (const ScheduledChunk& chunk : plan_.chunks) {
    Sequence& sequence = find(chunk.id);
    CHECK(sequence.num_computed() == chunk.first_position);
    sequence.blocks.commit(chunk.first_position + chunk.num_tokens);
  }
  for (std::size_t i = 0; num_forks_waiting_ > 0 && i < plan_.chunks.size(); ++i) {
    if (plan_.chunks[i].samples) fork_choices_of(find(plan_.chunks[i].id), i);
  }
  return forks_;
}

// The prompt is computed: its other choices go on from it, as far as there is room for them. The
// rest start on their own, from the prefix cache.
void Scheduler::fork_choices_of(const Sequence& leader, std::size_t chunk) {
  if (leader.num_known() != leader.num_given) return;
  std::vector<Sequence*> choices;
  for (Sequence* sequence : waiting_.sequences()) {
    if (sequence->fork_of == leader.id) choices.push_back(sequence);
  }
  std::ranges::sort(choices, {}, [](const Sequence* s) { return s->id; });
  for (Sequence* choice : choices) {
    choice->fork_of.reset();
    --num_forks_waiting_;
    CHECK(std::ranges::equal(choice->blocks.token_ids(), leader.blocks.token_ids()),
          "sequence {} forks from another prompt", choice->id.value());
    if (running_.size() >= limits_.max_running) continue;
    const auto fork = choice->blocks.fork_from(leader.blocks);
    if (!fork) continue;
    choice->num_cached = leader.num_cached;
    start_running(*choice, leader.band);
    forks_.push_back({choice->id, chunk, fork->copy});
  }
}

// Its other choices start on their own.
void Scheduler::release_forks_of(SequenceId leader) {
  if (num_forks_waiting_ == 0) return;
  for (Sequence* sequence : waiting_.sequences()) {
    if (sequence->fork_of != leader) continue;
    sequence->fork_of.reset();
    --num_forks_waiting_;
  }
}

void Scheduler::abandon() {
  CHECK(plan_open_, "sched invariant 3: no plan to abandon");
  plan_open_ = false;
  // Last planned first: children leave the cache before their parents.
  for (auto chunk = plan_.chunks.rbegin(); chunk != plan_.chunks.rend(); ++chunk) {
    find(chunk->id).blocks.withdraw();
  }
  // What these took may have been blocks that were to be computed in this step.
  for (Sequence* sequence : hit_takers_) {
    if (sequence->state == SequenceState::kRunning) stop_running(*sequence);
  }
}

void Scheduler::append_token(SequenceId id, std::uint32_t token_id) {
  Sequence& sequence = find(id);
  CHECK(sequence.num_uncomputed() == 0, "sched invariant 5: a token after an uncomputed one");
  CHECK(sequence.num_known() < sequence.max_tokens);
  sequence.blocks.append(token_id);
  FairShare::charge(*sequence.tenant, FairShare::kOutputTokenCost);
}

void Scheduler::finish(SequenceId id) {
  CHECK(!plan_open_, "sched invariant 3: a sequence ends between steps");
  Sequence& sequence = find(id);
  if (sequence.state == SequenceState::kRunning) {
    std::erase(running_, &sequence);
  } else {
    waiting_.remove(sequence);
    num_forks_waiting_ -= sequence.fork_of ? 1 : 0;
  }
  release_forks_of(id);
  shares_.leave(*sequence.tenant);
  sequence.move_to(SequenceState::kFinished);
  sequences_.erase(id);
}

Sequence& Scheduler::find(SequenceId id) {
  const auto it = sequences_.find(id);
  CHECK(it != sequences_.end(), "sched invariant 2: no sequence {}", id.value());
  return it->second;
}

const Sequence& Scheduler::sequence(SequenceId id) const {
  const auto it = sequences_.find(id);
  CHECK(it != sequences_.end(), "sched invariant 2: no sequence {}", id.value());
  return it->second;
}

std::uint32_t Scheduler::num_running_prompts() const noexcept {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(running_, [](const Sequence* s) { return !s->is_decoding(); }));
}

SchedulerCounts Scheduler::counts() const noexcept {
  SchedulerCounts counts;
  counts.running = static_cast<std::uint32_t>(running_.size());
  counts.waiting = waiting_.size();
  counts.blocks_active = pool_.num_active();
  counts.blocks_cached = pool_.num_cached();
  for (const Sequence* sequence : running_) {
    if (sequence->is_decoding()) {
      ++counts.decoding;
    } else {
      counts.uncomputed_prompt_tokens += sequence->num_uncomputed();
    }
  }
  for (const Sequence* sequence : waiting_.sequences()) {
    counts.uncomputed_prompt_tokens += sequence->num_uncomputed();
    counts.blocks_waiting += BlockTable::blocks_for(sequence->num_known(), limits_.block_size);
  }
  return counts;
}

}  // namespace penstock::sched
