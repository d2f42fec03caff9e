// One sequence as the scheduler sees it: its known tokens, the blocks that hold their KV, a state
// and what orders it. Sampling and text are the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "sched/fair_share.h"
#include "sched/sequence_blocks.h"

namespace penstock::sched {

using SequenceId = StrongId<struct SequenceIdTag, std::uint64_t>;

// Waiting -> Running <-> Waiting (preempted), and from either -> Finished.
enum class SequenceState : std::uint8_t { kWaiting, kRunning, kFinished };
[[nodiscard]] std::string_view to_string(SequenceState state) noexcept;
[[nodiscard]] bool is_legal_transition(SequenceState from, SequenceState to) noexcept;

// What the engine asks for.
struct SequenceSpec {
  SequenceId id;
  // Prompt, and output that a migrated request has already; at least one. Read by add() only.
  std::span<const std::uint32_t> token_ids;
  std::uint32_t max_tokens = 0;       // most tokens whose KV it may ever need; >= known
  std::uint64_t hash_seed = 0;        // of its blocks (kv::hash_seed)
  bool uses_cache = true;             // takes blocks from the prefix cache and gives them to it
  std::uint32_t num_logit_rows = 0;   // leading tokens whose logits are wanted each
  std::string_view tenant;            // read by add() only
  double weight = 1;                  // of the tenant
  std::uint32_t strict_priority = 0;  // higher bands first
  std::int32_t priority = 0;          // seconds ahead of its arrival, within a band
  std::uint32_t migrations = 0;       // above 0: ahead of all others, exempt from the bound
  MonotonicTime arrival;
  // A choice of the prompt that this other sequence, added before, computes: it waits for that
  // one's first sample and goes on from a copy.
  std::optional<SequenceId> fork_of{};
};

struct Sequence {
  Sequence(const SequenceSpec& spec, SequenceBlocks blocks, Tenant& tenant);

  SequenceId id;
  std::uint32_t max_tokens;
  std::uint32_t num_logit_rows;
  std::uint32_t strict_priority;
  bool is_migrated;
  MonotonicTime arrival;
  MonotonicTime rank;  // arrival less the priority's seconds
  std::optional<SequenceId> fork_of;
  Tenant* tenant;
  SequenceBlocks blocks;

  SequenceState state = SequenceState::kWaiting;
  std::uint32_t band = 0;        // while running: the one it was admitted in
  std::uint32_t num_given;       // tokens known when it was added
  std::uint32_t num_cached = 0;  // of these, tokens taken from the cache at the first start
  std::uint32_t num_preemptions = 0;
  bool has_started = false;

  [[nodiscard]] std::uint32_t num_known() const noexcept { return blocks.num_known(); }
  [[nodiscard]] std::uint32_t num_computed() const noexcept { return blocks.num_computed(); }
  [[nodiscard]] std::uint32_t num_uncomputed() const noexcept {
    return num_known() - num_computed();
  }
  // Only the token sampled last is uncomputed: the sequence produces one token per step.
  [[nodiscard]] bool is_decoding() const noexcept {
    return num_uncomputed() == 1 && num_known() > num_given;
  }
  void move_to(SequenceState next);
};

}  // namespace penstock::sched
