#include "sched/scheduler.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace penstock::sched {

using kv::BlockTable;

// Strict bands, then what has run already (a preempted or migrated sequence is not overtaken by
// one that never started), then arrival less the priority's seconds, then the id.
bool Scheduler::Order::operator()(const Sequence* a, const Sequence* b) const noexcept {
  const auto key = [](const Sequence* s) {
    const bool has_run = s->spec.migrations > 0 || s->num_preemptions > 0;
    const MonotonicTime rank = s->spec.arrival - std::chrono::seconds(s->spec.priority);
    return std::tuple(~s->spec.strict_priority, !has_run, rank, s->spec.id);
  };
  return key(a) < key(b);
}

Scheduler::Scheduler(SchedulerLimits limits, kv::BlockPool& pool) : limits_(limits), pool_(pool) {
  CHECK(limits.block_size > 0 && limits.max_running > 0 && limits.max_step_tokens > 0);
}

Status Scheduler::add(const SequenceSpec& spec) {
  CHECK(spec.num_known_tokens > 0 && spec.max_tokens >= spec.num_known_tokens);
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
  Sequence& sequence = sequences_.try_emplace(spec.id, spec, limits_.block_size).first->second;
  enqueue(sequence);
  return {};
}

const StepPlan& Scheduler::schedule(StepBudget budget) {
  CHECK(!plan_open_, "sched invariant 3: the last plan was neither committed nor abandoned");
  plan_.chunks.clear();
  plan_.admitted.clear();
  plan_.preempted.clear();
  plan_.num_tokens = 0;
  plan_.num_decodes = 0;
  const std::uint32_t max_tokens = std::clamp(budget.max_tokens, 1U, limits_.max_step_tokens);
  plan_running(max_tokens);
  // A sequence that gave way in this step must not come back in it and take the same blocks.
  if (plan_.preempted.empty()) plan_waiting(max_tokens);
  plan_open_ = true;
  return plan_;
}

void Scheduler::plan_running(std::uint32_t max_tokens) {
  // Decodes first: each costs one token and none may be starved by a prompt.
  for (std::size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    if (sequence.is_decoding() && make_room(sequence, 1)) plan_chunk(sequence, 1);
  }
  for (std::size_t i = 0; i < running_.size() && plan_.num_tokens < max_tokens; ++i) {
    Sequence& sequence = *running_[i];
    if (sequence.is_decoding()) continue;
    const std::uint32_t num_tokens =
        std::min(sequence.num_uncomputed(), max_tokens - plan_.num_tokens);
    if (make_room(sequence, num_tokens)) plan_chunk(sequence, num_tokens);
  }
}

void Scheduler::plan_waiting(std::uint32_t max_tokens) {
  std::size_t at = 0;
  while (at < waiting_.size() && plan_.num_tokens < max_tokens &&
         running_.size() < limits_.max_running) {
    Sequence& sequence = *waiting_[at];
    if (!can_start(sequence)) {
      ++at;
      continue;
    }
    start(sequence);
    const std::uint32_t num_tokens =
        std::min(sequence.num_uncomputed(), max_tokens - plan_.num_tokens);
    // Room for all it knows, not only for this chunk: else it would be preempted right away by
    // those it runs beside. Running sequences never give way to a waiting one; it stays first.
    if (sequence.blocks.missing_for(sequence.num_known) > pool_.num_free()) {
      sequence.blocks.clear();
      sequence.num_computed = 0;
      break;
    }
    CHECK(sequence.blocks.grow_to(sequence.num_computed + num_tokens, pool_));
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(at));
    sequence.move_to(SequenceState::kRunning);
    running_.insert(std::ranges::upper_bound(running_, &sequence, Order{}), &sequence);
    plan_.admitted.push_back(sequence.spec.id);
    plan_chunk(sequence, num_tokens);
  }
}

// A further choice starts when its sibling has computed the prompt, or is gone and cannot help.
bool Scheduler::can_start(const Sequence& sequence) const {
  if (!sequence.spec.shared_prompt) return true;
  const auto sibling = sequences_.find(sequence.spec.shared_prompt->with);
  return sibling == sequences_.end() ||
         sibling->second.num_computed >= sequence.spec.shared_prompt->num_tokens;
}

// Takes over the sibling's full prompt blocks; at least one token stays to be computed, because
// its row gives the logits that the next sampled token needs.
void Scheduler::start(Sequence& sequence) {
  if (!sequence.spec.shared_prompt) return;
  const auto sibling = sequences_.find(sequence.spec.shared_prompt->with);
  if (sibling == sequences_.end()) return;
  const std::uint32_t shared_tokens =
      std::min(sequence.spec.shared_prompt->num_tokens, sequence.num_known - 1);
  const std::uint32_t num_blocks = shared_tokens / limits_.block_size;
  sequence.blocks.share_prefix(sibling->second.blocks, num_blocks, pool_);
  sequence.num_computed = num_blocks * limits_.block_size;
}

void Scheduler::plan_chunk(Sequence& sequence, std::uint32_t num_tokens) {
  const bool samples = num_tokens == sequence.num_uncomputed();
  if (sequence.is_decoding()) ++plan_.num_decodes;
  plan_.chunks.push_back({sequence.spec.id, sequence.num_computed, num_tokens, samples});
  plan_.num_tokens += num_tokens;
}

// Blocks for `num_tokens` more, taken from less deserving sequences if need be. False when the
// sequence itself had to give way, or must wait a step.
bool Scheduler::make_room(Sequence& sequence, std::uint32_t num_tokens) {
  while (!sequence.blocks.grow_to(sequence.num_computed + num_tokens, pool_)) {
    Sequence& last = *running_.back();
    const bool is_planned = std::ranges::any_of(
        plan_.chunks, [&](const ScheduledChunk& chunk) { return chunk.id == last.spec.id; });
    if (is_planned && &last != &sequence) {
      // Planned already in this step: undo its chunk before its blocks go.
      std::erase_if(plan_.chunks, [&](const ScheduledChunk& chunk) {
        if (chunk.id != last.spec.id) return false;
        plan_.num_tokens -= chunk.num_tokens;
        if (last.is_decoding()) --plan_.num_decodes;
        return true;
      });
    }
    preempt(last);
    if (&last == &sequence) return false;
  }
  return true;
}

void Scheduler::preempt(Sequence& sequence) {
  running_.pop_back();
  sequence.blocks.clear();
  sequence.num_computed = 0;
  ++sequence.num_preemptions;
  ++num_preemptions_;
  sequence.move_to(SequenceState::kWaiting);
  enqueue(sequence);
  plan_.preempted.push_back(sequence.spec.id);
}

void Scheduler::commit() {
  CHECK(plan_open_, "sched invariant 3: no plan to commit");
  plan_open_ = false;
  for (const ScheduledChunk& chunk : plan_.chunks) {
    Sequence& sequence = find(chunk.id);
    CHECK(sequence.num_computed == chunk.first_position);
    sequence.num_computed += chunk.num_tokens;
    CHECK(sequence.num_computed <= sequence.blocks.capacity_tokens(),
          "sched invariant 4: sequence {} computed past its blocks", chunk.id.value());
  }
}

void Scheduler::abandon() {
  CHECK(plan_open_, "sched invariant 3: no plan to abandon");
  plan_open_ = false;
}

void Scheduler::append_token(SequenceId id) {
  Sequence& sequence = find(id);
  CHECK(sequence.num_uncomputed() == 0, "sched invariant 5: a token after an uncomputed one");
  CHECK(sequence.num_known < sequence.spec.max_tokens);
  ++sequence.num_known;
}

void Scheduler::finish(SequenceId id) {
  CHECK(!plan_open_, "sched invariant 3: a sequence ends between steps");
  Sequence& sequence = find(id);
  if (sequence.state == SequenceState::kRunning) {
    std::erase(running_, &sequence);
  } else {
    dequeue(sequence);
  }
  sequence.move_to(SequenceState::kFinished);
  sequences_.erase(id);
}

void Scheduler::enqueue(Sequence& sequence) {
  waiting_.insert(std::ranges::upper_bound(waiting_, &sequence, Order{}), &sequence);
}

void Scheduler::dequeue(const Sequence& sequence) {
  const auto at = std::ranges::find(waiting_, &sequence);
  CHECK(at != waiting_.end());
  waiting_.erase(at);
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

std::span<const std::uint32_t> Scheduler::block_ids(SequenceId id) const {
  return sequence(id).blocks.block_ids();
}

SchedulerCounts Scheduler::counts() const noexcept {
  SchedulerCounts counts;
  counts.running = static_cast<std::uint32_t>(running_.size());
  counts.waiting = static_cast<std::uint32_t>(waiting_.size());
  counts.blocks_active = pool_.num_active();
  for (const Sequence* sequence : running_) {
    if (sequence->is_decoding()) {
      ++counts.decoding;
    } else {
      counts.uncomputed_prompt_tokens += sequence->num_uncomputed();
    }
  }
  for (const Sequence* sequence : waiting_) {
    counts.uncomputed_prompt_tokens += sequence->num_uncomputed();
    counts.blocks_waiting += BlockTable::blocks_for(sequence->num_known, limits_.block_size);
  }
  return counts;
}

}  // namespace penstock::sched
